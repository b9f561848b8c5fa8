# Ablation of lambda in the paper's form of SDL (Table VII): 1/2 instead of 1/16.
_base_ = ['./td-hm_mhhn-literal_8xb4-200e_300w-256x256.py']

model = dict(head=dict(loss=dict(fdl_weight=1 / 2)))
