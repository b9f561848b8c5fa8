# HRNetV2-W18, SDT and SDL, on WFLW.
_base_ = ['../_base_/models/hrnetv2-w18-sdt-sdl.py', '../_base_/data/wflw.py']

from mhhn_mmpose.datasets.pipelines import with_codec

model = dict(head=dict(out_channels=98))
train_dataloader = with_codec(_base_.train_dataloader, _base_.codec)
