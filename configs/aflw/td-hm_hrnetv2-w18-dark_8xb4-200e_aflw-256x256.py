# HRNetV2-W18, DARK, on AFLW-19.
_base_ = ['../_base_/models/hrnetv2-w18-dark.py', '../_base_/data/aflw.py']

model = dict(head=dict(out_channels=19))
train_dataloader = dict(dataset=dict(pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=_base_.val_pipeline))
test_dataloader = val_dataloader
default_hooks = dict(checkpoint=dict(save_best='full/face_size/NME'))
