# HGs+HSR, tiny: SDL for a loss and SDT for decoding.
_base_ = ['./td-hm_hgs-tiny_2xb8-30e_300w-128x128.py']

codec = dict(type='SDTHeatmap', activation='softmax')

model = dict(
    head=dict(
        loss=dict(
            _delete_=True,
            type='SubpixelDetectionLoss',
            sigma=_base_.codec.sigma,
            distribution=codec['activation'],
            use_target_weight=True),
        decoder=codec))

train_pipeline = _base_.train_pipeline
train_pipeline[6].encoder.update(codec)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
