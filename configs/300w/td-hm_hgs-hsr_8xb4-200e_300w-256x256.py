# HGs+HSR: the baseline with SDL for a loss and SDT for decoding.
_base_ = ['./td-hm_hgs_8xb4-200e_300w-256x256.py']

codec = dict(
    type='SDTHeatmap', input_size=(256, 256), heatmap_size=(64, 64), sigma=3.0,
    activation='softmax')

model = dict(
    head=dict(
        loss=dict(
            _delete_=True,
            type='SubpixelDetectionLoss',
            sigma=codec['sigma'],
            distribution=codec['activation'],
            use_target_weight=True),
        decoder=codec))

train_pipeline = _base_.train_pipeline
train_pipeline[6].encoder = codec
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
