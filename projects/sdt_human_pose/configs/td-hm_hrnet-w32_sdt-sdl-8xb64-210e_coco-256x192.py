# MMPose's HRNet-W32 for COCO with SDT for a codec and SDL for a loss.
_base_ = [
    'mmpose::body_2d_keypoint/topdown_heatmap/coco/'
    'td-hm_hrnet-w32_8xb64-210e_coco-256x192.py'
]

from mhhn_mmpose.datasets.pipelines import with_codec

custom_imports = dict(imports=['mhhn_mmpose'], allow_failed_imports=False)

codec = dict(
    type='SDTHeatmap',
    input_size=(192, 256),
    heatmap_size=(48, 64),
    sigma=2.0,  # the base's
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
train_dataloader = with_codec(_base_.train_dataloader, codec)
