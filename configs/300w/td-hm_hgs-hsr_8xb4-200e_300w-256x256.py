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
        # Logits span tens, where MSE's heatmaps span [0, 1]: a faster and larger last layer.
        init_cfg=dict(type='Normal', layer='Conv2d', std=0.01),
        decoder=codec))
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(head=dict(lr_mult=10))))

train_pipeline = _base_.train_pipeline
train_pipeline[6].encoder = codec
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
