# MSE+SDT (MHHN Table V): tests the weights of HGs, decoded by SDT; no training of its own.
_base_ = ['../_base_/models/hgs.py', '../_base_/data/300w.py']

from mhhn_mmpose.datasets.pipelines import with_codec

codec = dict(_base_.codec, type='SDTHeatmap')

model = dict(head=dict(decoder=codec))
train_dataloader = with_codec(_base_.train_dataloader, codec)
