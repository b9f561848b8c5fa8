# MHHN: HGs+HSR with attention in every stack.
_base_ = ['./td-hm_hgs-hsr_8xb4-200e_300w-256x256.py']

model = dict(backbone=dict(attention='all'))
