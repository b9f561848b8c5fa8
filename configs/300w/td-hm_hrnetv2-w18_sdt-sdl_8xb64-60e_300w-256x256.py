# MMPose's own HRNetV2-W18 for 300W with SDT for a codec and SDL for a loss: all that changes.
_base_ = [
    'mmpose::face_2d_keypoint/topdown_heatmap/300w/'
    'td-hm_hrnetv2-w18_8xb64-60e_300w-256x256.py'
]

custom_imports = dict(imports=['mhhn_mmpose'], allow_failed_imports=False)

codec = dict(
    _delete_=True, type='SDTHeatmap', input_size=(256, 256), heatmap_size=(64, 64), sigma=3.0,
    activation='softmax')

model = dict(
    head=dict(
        loss=dict(
            _delete_=True,
            type='SubpixelDetectionLoss',
            sigma=codec['sigma'],
            distribution=codec['activation'],
            use_target_weight=True),
        decoder=codec),
    test_cfg=dict(shift_heatmap=False))

train_pipeline = _base_.train_pipeline
train_pipeline[5].encoder = {k: v for k, v in codec.items() if k != '_delete_'}
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
