# Cheaper: 32x32 maps. The Gaussians and the fine detection loss keep their size on the face.
_base_ = ['./td-hm_mhhn_8xb4-200e_300w-256x256.py']

codec = dict(heatmap_size=(32, 32), sigma=1.5)

model = dict(
    backbone=dict(stem_stride=8),
    head=dict(loss=dict(sigma=codec['sigma'], fdl_weight=1 / 4), decoder=codec))

train_pipeline = _base_.train_pipeline
train_pipeline[6].encoder.update(codec)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
