# MHHN with the paper's form of SDL, on 300W: HGs+HSR with attention in every stack.
_base_ = ['../_base_/models/hgs-hsr-literal.py', '../_base_/data/300w.py']

from mhhn_mmpose.datasets.pipelines import with_codec

model = dict(backbone=dict(attention='all'))
train_dataloader = with_codec(_base_.train_dataloader, _base_.codec)
