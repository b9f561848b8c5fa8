# HGs+HSR: the hourglass of hgs.py with HSR = SDL for a loss + SDT for decoding.
codec = dict(
    type='SDTHeatmap', input_size=(256, 256), heatmap_size=(64, 64),
    sigma=3.0,  # Table VI
    activation='softmax')

model = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(
        type='PoseDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True),
    backbone=dict(
        type='MCGHourglass', num_stacks=4, feat_channels=256, depth=4, attention='none'),
    head=dict(
        type='StackedHeatmapHead',
        num_stages=4,
        in_channels=256,
        out_channels=68,
        final_layer=dict(kernel_size=1),
        loss=dict(
            type='SubpixelDetectionLoss',
            sigma=codec['sigma'],
            distribution=codec['activation'],
            use_target_weight=True),
        # Logits span tens, where MSE's heatmaps span [0, 1]: a faster and larger last layer.
        init_cfg=dict(type='Normal', layer='Conv2d', std=0.01),
        decoder=codec),
    # The codec's half-pixel convention needs no shift of the flipped heatmap.
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=False))

# The rate is the paper's (Section IV-A), which names no optimizer.
optim_wrapper = dict(
    optimizer=dict(type='Adam', lr=1e-3),
    paramwise_cfg=dict(custom_keys=dict(head=dict(lr_mult=10))))
visualizer = dict(
    type='FaceLocalVisualizer', vis_backends=[dict(type='LocalVisBackend')], name='visualizer',
    activation=codec['activation'])
