# MHHN: HGs+HSR with attention in every stack.
_base_ = ['./hgs-hsr.py']

model = dict(backbone=dict(attention='all'))
