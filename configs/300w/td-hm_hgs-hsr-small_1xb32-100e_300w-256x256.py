# HGs+HSR, small: two 128-channel hourglasses, 1.7 M parameters; the model that ships as 'best'.
_base_ = ['../_base_/models/hgs-hsr.py', '../_base_/data/300w.py']

from mhhn_mmpose.datasets.pipelines import with_codec

codec = dict(_base_.codec, patch_size=15)

model = dict(
    backbone=dict(num_stacks=2, feat_channels=128),
    head=dict(
        num_stages=2,
        in_channels=128,
        # Measured with 32x32 maps: KLD + 4 FDL. A pixel of these maps is half as long on a face.
        loss=dict(
            divergence='kld', fdl_weight=2.0, fdl_distance='euclidean', residual_weight=1.0,
            patch_size=codec['patch_size']),
        decoder=codec))
optim_wrapper = dict(optimizer=dict(lr=2.5e-3))
train_cfg = dict(max_epochs=100)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
    dict(
        type='CosineAnnealingLR', T_max=100, eta_min=6e-6, by_epoch=True,
        convert_to_iter_based=True),
]
custom_hooks = [*_base_.custom_hooks, dict(type='EMAHook', momentum=0.002, priority=49)]
train_dataloader = with_codec(dict(_base_.train_dataloader, batch_size=32), codec)
