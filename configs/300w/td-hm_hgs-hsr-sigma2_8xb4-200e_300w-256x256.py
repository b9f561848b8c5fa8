# Ablation of sigma, in heatmap pixels: 2 instead of 3.
_base_ = ['../_base_/models/hgs-hsr.py', '../_base_/data/300w.py']

from mhhn_mmpose.datasets.pipelines import with_codec

codec = dict(_base_.codec, sigma=2.0)

model = dict(head=dict(loss=dict(sigma=codec['sigma']), decoder=codec))
train_dataloader = with_codec(_base_.train_dataloader, codec)
