# MHHN, tiny: HGs+HSR with attention.
_base_ = ['./td-hm_hgs-hsr-tiny_2xb8-30e_300w-128x128.py']

model = dict(backbone=dict(attention='all', attention_scale=None))
