# Ablation of the loss: MSE, decoded by SDT.
_base_ = ['./td-hm_hgs_8xb4-200e_300w-256x256.py']

codec = dict(type='SDTHeatmap')

model = dict(head=dict(decoder=codec))

train_pipeline = _base_.train_pipeline
train_pipeline[6].encoder.update(codec)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
