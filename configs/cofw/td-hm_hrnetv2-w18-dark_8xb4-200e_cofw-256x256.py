# HRNetV2-W18, DARK, on COFW: MMPose's unbiased encoding and decoding.
_base_ = ['../_base_/models/hrnetv2-w18.py', '../_base_/data/cofw.py']

from mhhn_mmpose.datasets.pipelines import with_codec

codec = dict(_base_.codec, unbiased=True)

model = dict(head=dict(decoder=codec, out_channels=29))
train_dataloader = with_codec(_base_.train_dataloader, codec)
