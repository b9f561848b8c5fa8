# What the datasets share: loaders and metric. The files that inherit from this one say where the
# faces are and what errors are divided by.
train_dataloader = dict(
    batch_size=4,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(data_mode='topdown', data_prefix=dict(img='images/')))
val_dataloader = dict(
    batch_size=32,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    batch_sampler=dict(type='FullBatchSampler'),
    dataset=dict(data_mode='topdown', data_prefix=dict(img='images/'), test_mode=True))
test_dataloader = val_dataloader

val_evaluator = dict(type='FaceAlignmentMetric')
test_evaluator = val_evaluator
