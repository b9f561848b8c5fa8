# WFLW as tools/dataset_converters/wflw2coco.py writes it, in MMPose's places.
_base_ = ['./300w.py']

dataset_type = 'CheckedWFLWDataset'
data_root = 'data/wflw/'
val_ann_file = 'annotations/face_landmarks_wflw_test.json'

train_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/face_landmarks_wflw_train.json'))
val_dataloader = dict(
    dataset=dict(type=dataset_type, data_root=data_root, ann_file=val_ann_file))
test_dataloader = val_dataloader

val_evaluator = dict(normalizers=['inter_ocular'], ann_file=data_root + val_ann_file)
test_evaluator = val_evaluator
