from .ced import plot_ced, read_errors

__all__ = ['plot_ced', 'read_errors']
