"""Backbones."""

from .mcg_hourglass import MCGHourglass

__all__ = ['MCGHourglass']
