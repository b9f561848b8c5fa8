# COFW as tools/dataset_converters/cofw2coco.py writes it, in MMPose's places.
dataset_type = 'COFWDataset'  # by which MMPose's inferencer finds the landmarks' names
data_mode = 'topdown'
data_root = 'data/cofw/'
val_ann_file = 'annotations/cofw_test.json'

train_dataloader = dict(
    batch_size=4,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_mode=data_mode,
        ann_file='annotations/cofw_train.json',
        data_prefix=dict(img='images/')))
val_dataloader = dict(
    batch_size=32,
    num_workers=2,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_mode=data_mode,
        ann_file=val_ann_file,
        data_prefix=dict(img='images/'),
        test_mode=True))
test_dataloader = val_dataloader

val_evaluator = dict(
    type='FaceAlignmentMetric',
    normalizers=['inter_ocular', 'inter_pupil'],
    ann_file=data_root + val_ann_file)
test_evaluator = val_evaluator
