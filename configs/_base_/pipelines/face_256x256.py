# From a photo and its face box to the network's input. A model's file puts its codec into
# train_pipeline[6].
_base_ = ['../schedules/paper_200e.py']

train_pipeline = [
    dict(type='LoadFaceImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='RandomFlip', direction='horizontal'),
    # Rotation and box scale from a (truncated) Gaussian, as in the paper, which gives no ranges.
    dict(
        type='RandomBBoxTransform',
        shift_prob=0,
        rotate_factor=45,
        scale_factor=(0.8, 1.2)),
    dict(type='TopdownAffine', input_size=(256, 256)),
    dict(type='PhotometricDistortion'),
    dict(type='GenerateTarget', encoder=None),
    dict(type='PackPoseInputs'),
]
val_pipeline = [
    dict(type='LoadFaceImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='TopdownAffine', input_size=(256, 256)),
    dict(type='PackPoseInputs'),
]
