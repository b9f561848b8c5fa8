# HRNetV2-W18, DARK, on WFLW.
_base_ = ['../_base_/models/hrnetv2-w18-dark.py', '../_base_/data/wflw.py']

model = dict(head=dict(out_channels=98))
train_dataloader = dict(dataset=dict(pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=_base_.val_pipeline))
test_dataloader = val_dataloader
