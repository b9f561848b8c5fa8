# Ablation of the loss: SDL1, whose fit is not constrained.
_base_ = ['./td-hm_hgs-hsr_8xb4-200e_300w-256x256.py']

model = dict(head=dict(loss=dict(constraint='free')))
