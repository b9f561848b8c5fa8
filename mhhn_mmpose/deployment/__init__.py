"""From a trained model to a file that needs neither MMPose nor torch."""

from .loading import DeploymentError, load_estimator
from .modules import CropsToLandmarks, HeatmapsToLandmarks
from .onnx_file import describe, largest_difference, start_session, write_onnx

__all__ = [
    'CropsToLandmarks',
    'DeploymentError',
    'HeatmapsToLandmarks',
    'describe',
    'largest_difference',
    'load_estimator',
    'start_session',
    'write_onnx',
]
