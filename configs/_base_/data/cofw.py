# COFW as tools/dataset_converters/cofw2coco.py writes it, in MMPose's places.
_base_ = ['./300w.py']

dataset_type = 'CheckedCOFWDataset'
data_root = 'data/cofw/'
val_ann_file = 'annotations/cofw_test.json'

train_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/cofw_train.json'))
val_dataloader = dict(
    dataset=dict(type=dataset_type, data_root=data_root, ann_file=val_ann_file))
test_dataloader = val_dataloader

val_evaluator = dict(normalizers=['inter_ocular', 'inter_pupil'], ann_file=data_root + val_ann_file)
test_evaluator = val_evaluator
