"""The error for input that cannot be used; it lives in `mhhn_landmarks`, which needs no torch."""

from mhhn_landmarks.errors import InputError

__all__ = ['InputError']
