# MHHN, trained on 300W, tested on COFW-68.
_base_ = ['../_base_/models/hgs-hsr.py', '../_base_/data/cofw68.py']

from mhhn_mmpose.datasets.pipelines import with_codec

model = dict(backbone=dict(attention='all'))
train_dataloader = with_codec(_base_.train_dataloader, _base_.codec)
