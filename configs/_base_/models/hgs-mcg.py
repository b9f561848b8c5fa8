# HGs+MCG: the baseline with attention in every stack.
_base_ = ['./hgs.py']

model = dict(backbone=dict(attention='all'))
