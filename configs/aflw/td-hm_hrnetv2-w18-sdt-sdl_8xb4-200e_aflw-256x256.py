# HRNetV2-W18, SDT and SDL, on AFLW-19.
_base_ = ['../_base_/models/hrnetv2-w18-sdt-sdl.py', '../_base_/data/aflw.py']

from mhhn_mmpose.datasets.pipelines import with_codec

model = dict(head=dict(out_channels=19))
train_dataloader = with_codec(_base_.train_dataloader, _base_.codec)
