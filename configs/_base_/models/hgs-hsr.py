# HGs+HSR: HGs with HSR = SDL for a loss + SDT for decoding.
_base_ = ['./hgs.py']

codec = dict(_base_.codec, type='SDTHeatmap', activation='softmax')

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
visualizer = dict(type='FaceLocalVisualizer', activation=codec['activation'])
