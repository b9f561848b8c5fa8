# HGs: the paper's baseline, on 300W.
_base_ = ['../_base_/models/hgs.py', '../_base_/data/300w.py']

train_dataloader = dict(dataset=dict(pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=_base_.val_pipeline))
test_dataloader = val_dataloader
