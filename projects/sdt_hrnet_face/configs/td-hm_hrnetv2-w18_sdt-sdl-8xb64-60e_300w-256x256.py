# MMPose's HRNetV2-W18 for 300W with SDT for a codec and SDL for a loss.
_base_ = [
    'mmpose::face_2d_keypoint/topdown_heatmap/300w/'
    'td-hm_hrnetv2-w18_8xb64-60e_300w-256x256.py'
]

from mhhn_mmpose.datasets.pipelines import with_codec, with_step

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

# Bad annotations and photos are refused; on good ones nothing changes.
train_dataloader = with_step(_base_.train_dataloader, 'LoadImage', type='LoadFaceImage')
val_dataloader = with_step(_base_.val_dataloader, 'LoadImage', type='LoadFaceImage')
train_dataloader['dataset']['type'] = val_dataloader['dataset']['type'] = 'CheckedFace300WDataset'

train_dataloader = with_codec(train_dataloader, codec)
test_dataloader = val_dataloader
