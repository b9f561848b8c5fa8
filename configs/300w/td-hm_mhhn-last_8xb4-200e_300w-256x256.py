# Cheaper: attention in the last stack only.
_base_ = ['./td-hm_mhhn_8xb4-200e_300w-256x256.py']

model = dict(backbone=dict(attention='last'))
