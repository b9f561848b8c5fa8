# HRNetV2-W18, MSRA, on COFW.
_base_ = ['../_base_/models/hrnetv2-w18.py', '../_base_/data/cofw.py']

from mhhn_mmpose.datasets.pipelines import with_codec

model = dict(head=dict(out_channels=29))
train_dataloader = with_codec(_base_.train_dataloader, _base_.codec)
