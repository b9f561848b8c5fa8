from .mcg_hourglass_net import MCGHourglassNet
from .mcg_neck import MCGNeck

__all__ = ['MCGHourglassNet', 'MCGNeck']
