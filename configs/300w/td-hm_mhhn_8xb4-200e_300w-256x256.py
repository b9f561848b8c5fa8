# MHHN, on 300W.
_base_ = ['../_base_/models/mhhn.py', '../_base_/data/300w.py']

train_dataloader = dict(dataset=dict(pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=_base_.val_pipeline))
test_dataloader = val_dataloader
