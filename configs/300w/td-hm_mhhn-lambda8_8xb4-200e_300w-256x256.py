# Ablation of lambda, the weight of the fine detection loss: 1/8 instead of 1/16.
_base_ = ['./td-hm_mhhn_8xb4-200e_300w-256x256.py']

model = dict(head=dict(loss=dict(fdl_weight=1 / 8)))
