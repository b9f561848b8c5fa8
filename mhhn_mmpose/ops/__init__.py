"""The mathematics, in torch; imports nothing else."""

from .gaussian_fit import GaussianFit, fit_gaussian
from .multi_order_attention import multi_order_attention

__all__ = ['GaussianFit', 'fit_gaussian', 'multi_order_attention']
