# The paper's baseline (HGs): a stacked hourglass, MSE on heatmaps, decoded by argmax.
codec = dict(
    type='ArgmaxHeatmap', input_size=(256, 256), heatmap_size=(64, 64),
    sigma=3.0)  # Table VI, of HGs+HSR

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
        # The mean over a map that is mostly empty is small; Adam does not mind, the log does.
        loss=dict(type='KeypointMSELoss', use_target_weight=True, loss_weight=1000.0),
        decoder=codec),
    # The codec's half-pixel convention needs no shift of the flipped heatmap.
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=False))

# The rate is the paper's (Section IV-A), which names no optimizer.
optim_wrapper = dict(optimizer=dict(type='Adam', lr=1e-3))
visualizer = dict(
    type='PoseLocalVisualizer', vis_backends=[dict(type='LocalVisBackend')], name='visualizer')
