from .local_visualizer import FaceLocalVisualizer

__all__ = ['FaceLocalVisualizer']
