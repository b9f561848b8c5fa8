# Ablation of sigma, in heatmap pixels: 4 instead of 3.
_base_ = ['./td-hm_hgs-hsr_8xb4-200e_300w-256x256.py']

codec = dict(sigma=4.0)

model = dict(head=dict(loss=dict(sigma=codec['sigma']), decoder=codec))

train_pipeline = _base_.train_pipeline
train_pipeline[6].encoder.update(codec)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
