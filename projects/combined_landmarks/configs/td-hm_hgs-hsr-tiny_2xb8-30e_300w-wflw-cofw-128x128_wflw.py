# The same model, tested on WFLW's faces with 300W's 68 points: for tools/test.py, not for training.
_base_ = ['../../../configs/300w/td-hm_hgs-hsr-tiny_2xb8-30e_300w-128x128.py']

from mhhn_mmpose.datasets.landmark_mappings import WFLW_TO_300W

ann_file = 'annotations/face_landmarks_wflw_test.json'

test_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='CombinedDataset',
        metainfo=dict(from_file='configs/_base_/datasets/300w.py'),
        datasets=[
            dict(
                type='CheckedWFLWDataset',
                data_mode='topdown',
                data_root='data/wflw/',
                data_prefix=dict(img='images/'),
                ann_file=ann_file,
                pipeline=[dict(type='KeypointConverter', num_keypoints=68, mapping=WFLW_TO_300W)],
                test_mode=True)
        ],
        pipeline=_base_.val_dataloader.dataset.pipeline,
        test_mode=True))
test_evaluator = dict(normalizers=['inter_ocular'], ann_file='data/wflw/' + ann_file)
