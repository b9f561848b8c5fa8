# Cheaper: 32x32 maps. The Gaussians and the fine detection loss keep their size on the face.
_base_ = ['./td-hm_mhhn_8xb4-200e_300w-256x256.py']

from mhhn_mmpose.datasets.pipelines import with_codec

codec = dict(_base_.codec, heatmap_size=(32, 32), sigma=1.5)

model = dict(
    backbone=dict(stem_stride=8),
    head=dict(loss=dict(sigma=codec['sigma'], fdl_weight=1 / 4), decoder=codec))
train_dataloader = with_codec(_base_.train_dataloader, codec)
