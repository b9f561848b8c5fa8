# Ablation of the loss: SDL1 in the paper's form, without constraints (Eq. 18).
_base_ = ['../_base_/models/hgs-hsr-literal.py', '../_base_/data/300w.py']

from mhhn_mmpose.datasets.pipelines import with_codec

codec = dict(_base_.codec, constraint='free')

model = dict(head=dict(loss=dict(constraint=codec['constraint']), decoder=codec))
train_dataloader = with_codec(_base_.train_dataloader, codec)
