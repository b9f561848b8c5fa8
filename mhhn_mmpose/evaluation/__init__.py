from .metrics import FaceAlignmentMetric

__all__ = ['FaceAlignmentMetric']
