# HGs+MCG, on AFLW-19: the baseline with attention in every stack.
_base_ = ['../_base_/models/hgs.py', '../_base_/data/aflw.py']

from mhhn_mmpose.datasets.pipelines import with_codec

model = dict(backbone=dict(attention='all'), head=dict(out_channels=19))
train_dataloader = with_codec(_base_.train_dataloader, _base_.codec)
