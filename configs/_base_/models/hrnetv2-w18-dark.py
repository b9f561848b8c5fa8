# HRNetV2-W18 with DARK: MMPose's unbiased encoding and decoding.
_base_ = ['./hrnetv2-w18-msra.py']

codec = dict(unbiased=True)

model = dict(head=dict(decoder=codec))

train_pipeline = _base_.train_pipeline
train_pipeline[6].encoder.update(codec)
