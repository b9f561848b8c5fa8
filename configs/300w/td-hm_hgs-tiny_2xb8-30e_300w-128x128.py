# HGs, small enough for two CPU cores: one 96-channel hourglass, 128 px input, 32x32 heatmaps.
_base_ = ['./td-hm_hgs_8xb4-200e_300w-256x256.py']

codec = dict(input_size=(128, 128), heatmap_size=(32, 32), sigma=1.5)

model = dict(
    backbone=dict(num_stacks=1, feat_channels=96),
    head=dict(num_stages=1, in_channels=96, decoder=codec))

train_pipeline, val_pipeline = _base_.train_pipeline, _base_.val_pipeline
train_pipeline[4].input_size = val_pipeline[2].input_size = codec['input_size']
train_pipeline[6].encoder.update(codec)
train_dataloader = dict(batch_size=8, num_workers=1, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=8, num_workers=1, dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader

train_cfg = dict(max_epochs=30, val_interval=5)
optim_wrapper = dict(optimizer=dict(lr=4e-3))
auto_scale_lr = dict(base_batch_size=16)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
    dict(
        type='CosineAnnealingLR', T_max=30, eta_min=1e-5, by_epoch=True,
        convert_to_iter_based=True),
]
