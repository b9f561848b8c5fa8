# Cheaper, not in the paper: positions are compared by 64 projected channels instead of all 256.
_base_ = ['./td-hm_mhhn_8xb4-200e_300w-256x256.py']

model = dict(backbone=dict(attention_channels=64))
