# HGs+HSR with the paper's form of SDL (Sections III-A and III-D): divergence of pixel values, G = 1
# and equal widths in loss and decoding (Eq. 19-20), the squared distance at every landmark.
# docs/method.md says what is still ours in it.
codec = dict(
    type='SDTHeatmap', input_size=(256, 256), heatmap_size=(64, 64),
    sigma=3.0,  # Table VI
    activation='sigmoid', constraint='unit_peak', gauss_newton_steps=0)

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
            constraint=codec['constraint'],
            fdl_weight=1 / 16,  # Table VII, of MHHN
            gate_fdl=False,
            use_target_weight=True),
        # sigmoid(-4) = 0.018: training starts near the targets' mean, 2 pi sigma^2 / 64^2 = 0.014.
        init_cfg=dict(type='Normal', layer='Conv2d', std=0.001, bias=-4.0),
        decoder=codec),
    # The codec's half-pixel convention needs no shift of the flipped heatmap.
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=False))

# The rate is the paper's (Section IV-A), which names no optimizer.
optim_wrapper = dict(optimizer=dict(type='Adam', lr=1e-3))
visualizer = dict(
    type='FaceLocalVisualizer', vis_backends=[dict(type='LocalVisBackend')], name='visualizer',
    activation=codec['activation'])
