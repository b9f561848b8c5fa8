# HGs+HSR, tiny: SDL for a loss and SDT for decoding.
_base_ = ['./td-hm_hgs-tiny_2xb8-30e_300w-128x128.py']

codec = dict(type='SDTHeatmap', activation='softmax')

model = dict(
    head=dict(
        loss=dict(
            _delete_=True,
            type='SubpixelDetectionLoss',
            sigma=_base_.codec.sigma,
            # Measured: MHHN's 1/16 of the square (1/4 for maps of half the size) is not as good.
            fdl_weight=1.0,
            fdl_distance='euclidean',
            distribution=codec['activation'],
            use_target_weight=True),
        # Logits span tens, where MSE's heatmaps span [0, 1]: a faster and larger last layer.
        init_cfg=dict(type='Normal', layer='Conv2d', std=0.01),
        decoder=codec))
visualizer = dict(type='FaceLocalVisualizer', activation=codec['activation'])
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(head=dict(lr_mult=10))))

train_pipeline = _base_.train_pipeline
train_pipeline[6].encoder.update(codec)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
