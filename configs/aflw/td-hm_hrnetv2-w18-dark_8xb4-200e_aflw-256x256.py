# HRNetV2-W18, DARK, on AFLW-19: MMPose's unbiased encoding and decoding.
_base_ = ['../_base_/models/hrnetv2-w18.py', '../_base_/data/aflw.py']

from mhhn_mmpose.datasets.pipelines import with_codec

codec = dict(_base_.codec, unbiased=True)

model = dict(head=dict(decoder=codec, out_channels=19))
train_dataloader = with_codec(_base_.train_dataloader, codec)
