# MMPose's HRNetV2-W18 for 300W with SDT for a codec and SDL for a loss.
_base_ = [
    'mmpose::face_2d_keypoint/topdown_heatmap/300w/'
    'td-hm_hrnetv2-w18_8xb64-60e_300w-256x256.py'
]

custom_imports = dict(imports=['mhhn_mmpose'], allow_failed_imports=False)

codec = dict(
    type='SDTHeatmap',
    input_size=(256, 256),
    heatmap_size=(64, 64),
    sigma=3.0,  # MHHN Table VI
    activation='softmax')

model = dict(
    head=dict(
        loss=dict(
            _delete_=True,
            type='SubpixelDetectionLoss',
            sigma=codec['sigma'],
            distribution=codec['activation'],
            use_target_weight=True),
        decoder=dict(_delete_=True, **codec)),
    # The codec's half-pixel convention needs no shift of the flipped heatmap.
    test_cfg=dict(shift_heatmap=False))
# Logits span tens, where MSE's heatmaps span [0, 1]: a faster last layer.
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={'head.final_layer': dict(lr_mult=10)}))

train_pipeline, val_pipeline = _base_.train_pipeline, _base_.val_pipeline
train_pipeline[5].encoder = codec

# Bad annotations and photos are refused; on good ones nothing changes.
train_pipeline[0] = val_pipeline[0] = dict(type='LoadFaceImage')
checked = 'CheckedFace300WDataset'
train_dataloader = dict(dataset=dict(type=checked, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(type=checked, pipeline=val_pipeline))
test_dataloader = val_dataloader
