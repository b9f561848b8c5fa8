# HGs+HSR with the paper's form of SDL, on 300W.
_base_ = ['../_base_/models/hgs-hsr-literal.py', '../_base_/data/300w.py']

from mhhn_mmpose.datasets.pipelines import with_codec

train_dataloader = with_codec(_base_.train_dataloader, _base_.codec)
