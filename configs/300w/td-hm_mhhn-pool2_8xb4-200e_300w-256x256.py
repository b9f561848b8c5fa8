# Cheaper, not in the paper: every position attends to means of 2x2 positions.
_base_ = ['./td-hm_mhhn_8xb4-200e_300w-256x256.py']

model = dict(backbone=dict(attention_pool=2))
