# HRNetV2-W18, MSRA, on 300W.
_base_ = ['../_base_/models/hrnetv2-w18-msra.py', '../_base_/data/300w.py']

train_dataloader = dict(dataset=dict(pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=_base_.val_pipeline))
test_dataloader = val_dataloader
