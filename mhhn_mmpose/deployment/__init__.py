"""A trained model as one module from crops to landmarks, which can become a graph."""

from .modules import CropsToLandmarks, HeatmapsToLandmarks, as_sdt

__all__ = ['CropsToLandmarks', 'HeatmapsToLandmarks', 'as_sdt']
