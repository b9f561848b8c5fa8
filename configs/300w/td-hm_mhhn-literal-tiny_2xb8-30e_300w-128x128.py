# MHHN with the paper's form of SDL, tiny: HGs+HSR with attention.
_base_ = ['./td-hm_hgs-hsr-literal-tiny_2xb8-30e_300w-128x128.py']

model = dict(backbone=dict(attention='all'))
