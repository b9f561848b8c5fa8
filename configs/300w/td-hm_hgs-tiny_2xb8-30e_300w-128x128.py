# HGs, small enough for two CPU cores: one 96-channel hourglass, 128 px input, 32x32 heatmaps.
_base_ = ['../_base_/models/hgs.py', '../_base_/data/300w.py']

from mhhn_mmpose.datasets.pipelines import with_codec

codec = dict(_base_.codec, input_size=(128, 128), heatmap_size=(32, 32), sigma=1.5)

model = dict(
    backbone=dict(num_stacks=1, feat_channels=96),
    head=dict(num_stages=1, in_channels=96, decoder=codec))
optim_wrapper = dict(optimizer=dict(lr=4e-3))
train_cfg = dict(max_epochs=30, val_interval=5)
auto_scale_lr = dict(base_batch_size=16)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
    dict(
        type='CosineAnnealingLR', T_max=30, eta_min=1e-5, by_epoch=True,
        convert_to_iter_based=True),
]
train_dataloader = with_codec(dict(_base_.train_dataloader, batch_size=8, num_workers=1), codec)
val_dataloader = with_codec(dict(_base_.val_dataloader, batch_size=8, num_workers=1), codec)
test_dataloader = val_dataloader
