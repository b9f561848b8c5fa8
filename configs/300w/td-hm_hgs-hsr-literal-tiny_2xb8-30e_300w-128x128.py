# HGs+HSR with the paper's form of SDL, tiny.
_base_ = ['../_base_/models/hgs-hsr-literal.py', '../_base_/data/300w-tiny.py']

from mhhn_mmpose.datasets.pipelines import with_codec

codec = dict(_base_.codec, input_size=(128, 128), heatmap_size=(32, 32), sigma=1.5)

model = dict(
    backbone=dict(num_stacks=1, feat_channels=96),
    head=dict(
        num_stages=1,
        in_channels=96,
        loss=dict(sigma=codec['sigma']),
        decoder=codec))
optim_wrapper = dict(optimizer=dict(lr=4e-3))
train_dataloader = with_codec(_base_.train_dataloader, codec)
val_dataloader = with_codec(_base_.val_dataloader, codec)
test_dataloader = val_dataloader
