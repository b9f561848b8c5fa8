# 300W as tools/dataset_converters/300w2coco.py writes it, in MMPose's places.
_base_ = ['../faces.py']

dataset_type = 'CheckedFace300WDataset'  # MMPose's inferencer chooses its detector by it
data_mode = 'topdown'
data_root = 'data/300w/'
val_ann_file = 'annotations/face_landmarks_300w_valid.json'

train_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/face_landmarks_300w_train.json'))
val_dataloader = dict(
    dataset=dict(type=dataset_type, data_root=data_root, ann_file=val_ann_file))
test_dataloader = val_dataloader

val_evaluator = dict(normalizers=['inter_ocular', 'inter_pupil'], ann_file=data_root + val_ann_file)
test_evaluator = val_evaluator
