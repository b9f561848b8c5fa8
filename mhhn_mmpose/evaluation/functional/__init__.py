from .normalizers import Normalizer, check_rules, resolve
from .scores import (
    area_under_ced,
    failure_rate,
    landmark_errors,
    mean_where_finite,
    normalized_mean_error,
    summarize,
)

__all__ = [
    'Normalizer',
    'area_under_ced',
    'check_rules',
    'failure_rate',
    'landmark_errors',
    'mean_where_finite',
    'normalized_mean_error',
    'resolve',
    'summarize',
]
