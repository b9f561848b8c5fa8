from .ced import plot_ced, read_errors
from .local_visualizer import FaceLocalVisualizer

__all__ = ['FaceLocalVisualizer', 'plot_ced', 'read_errors']
