# HRNetV2-W18 with this project's codec and loss: SDT and SDL.
_base_ = ['./hrnetv2-w18.py']

codec = dict(_base_.codec, type='SDTHeatmap', sigma=3.0, activation='softmax')

model = dict(
    head=dict(
        loss=dict(
            _delete_=True,
            type='SubpixelDetectionLoss',
            sigma=codec['sigma'],
            distribution=codec['activation'],
            use_target_weight=True),
        decoder=codec),
    # The codec's half-pixel convention needs no shift of the flipped heatmap.
    test_cfg=dict(shift_heatmap=False))
visualizer = dict(type='FaceLocalVisualizer', activation=codec['activation'])
# Logits span tens, where MSE's heatmaps span [0, 1]: a faster last layer.
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={'head.final_layer': dict(lr_mult=10)}))
