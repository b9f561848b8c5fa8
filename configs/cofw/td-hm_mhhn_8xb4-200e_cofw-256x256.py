# MHHN, on COFW.
_base_ = ['../_base_/models/mhhn.py', '../_base_/data/cofw.py']

model = dict(head=dict(out_channels=29))
train_dataloader = dict(dataset=dict(pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=_base_.val_pipeline))
test_dataloader = val_dataloader
