# hrnetv2-w18.py's network with this project's codec and loss: SDT and SDL.
codec = dict(
    type='SDTHeatmap', input_size=(256, 256), heatmap_size=(64, 64), sigma=3.0,
    activation='softmax')


def _stage(modules, block, blocks, channels):
    return dict(
        num_modules=modules,
        num_branches=len(channels),
        block=block,
        num_blocks=(blocks, ) * len(channels),
        num_channels=channels)


model = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(
        type='PoseDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True),
    backbone=dict(
        type='HRNet',
        in_channels=3,
        extra=dict(
            stage1=_stage(1, 'BOTTLENECK', 4, (64, )),
            stage2=_stage(1, 'BASIC', 4, (18, 36)),
            stage3=_stage(4, 'BASIC', 4, (18, 36, 72)),
            stage4=dict(multiscale_output=True, **_stage(3, 'BASIC', 4, (18, 36, 72, 144))),
            upsample=dict(mode='bilinear', align_corners=False)),
        init_cfg=dict(type='Pretrained', checkpoint='open-mmlab://msra/hrnetv2_w18')),
    neck=dict(type='FeatureMapProcessor', concat=True),
    head=dict(
        type='HeatmapHead',
        in_channels=270,
        out_channels=68,
        deconv_out_channels=None,
        conv_out_channels=(270, ),
        conv_kernel_sizes=(1, ),
        loss=dict(
            type='SubpixelDetectionLoss',
            sigma=codec['sigma'],
            distribution=codec['activation'],
            use_target_weight=True),
        decoder=codec),
    # The codec's half-pixel convention needs no shift of the flipped heatmap.
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=False))

# Logits span tens, where MSE's heatmaps span [0, 1]: a faster last layer.
optim_wrapper = dict(
    optimizer=dict(type='Adam', lr=1e-3),
    paramwise_cfg=dict(custom_keys={'head.final_layer': dict(lr_mult=10)}))
visualizer = dict(
    type='FaceLocalVisualizer', vis_backends=[dict(type='LocalVisBackend')], name='visualizer',
    activation=codec['activation'])
