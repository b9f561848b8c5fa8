# AFLW-19 as tools/dataset_converters/aflw2coco.py writes it, in MMPose's places.
_base_ = ['./300w.py']

dataset_type = 'CheckedAFLWDataset'
data_root = 'data/aflw/'
val_ann_file = 'annotations/face_landmarks_aflw_test.json'

train_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/face_landmarks_aflw_train.json'))
val_dataloader = dict(
    dataset=dict(type=dataset_type, data_root=data_root, ann_file=val_ann_file))
test_dataloader = val_dataloader

val_evaluator = dict(normalizers=['face_size', 'box_diagonal'], ann_file=data_root + val_ann_file)
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='full/face_size/NME'))
