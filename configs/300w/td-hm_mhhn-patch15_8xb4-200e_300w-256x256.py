# Ablation of the patch that is fitted: 15x15 instead of 9x9, in the loss and in decoding.
_base_ = ['./td-hm_mhhn_8xb4-200e_300w-256x256.py']

codec = dict(patch_size=15)

model = dict(head=dict(loss=dict(patch_size=codec['patch_size']), decoder=codec))

train_pipeline = _base_.train_pipeline
train_pipeline[6].encoder.update(codec)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
