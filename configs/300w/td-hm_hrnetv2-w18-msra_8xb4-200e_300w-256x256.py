# HRNetV2-W18, MSRA, on 300W.
_base_ = ['../_base_/models/hrnetv2-w18.py', '../_base_/data/300w.py']

from mhhn_mmpose.datasets.pipelines import with_codec

train_dataloader = with_codec(_base_.train_dataloader, _base_.codec)
