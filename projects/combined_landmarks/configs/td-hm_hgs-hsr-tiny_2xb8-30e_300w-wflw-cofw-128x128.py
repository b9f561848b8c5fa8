# 300W's 68 points from three datasets at once. The model is `_base_`'s: any of configs/300w does.
_base_ = ['../../../configs/300w/td-hm_hgs-hsr-tiny_2xb8-30e_300w-128x128.py']

from mhhn_mmpose.datasets.landmark_mappings import COFW_TO_300W, WFLW_TO_300W

metainfo = dict(from_file='configs/_base_/datasets/300w.py')
common = dict(data_mode='topdown', data_prefix=dict(img='images/'))

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='CombinedDataset',
        metainfo=metainfo,
        datasets=[
            dict(
                type='CheckedFace300WDataset',
                data_root='data/300w/',
                ann_file='annotations/face_landmarks_300w_train.json',
                **common),
            dict(
                type='CheckedWFLWDataset',
                data_root='data/wflw/',
                ann_file='annotations/face_landmarks_wflw_train.json',
                pipeline=[dict(type='KeypointConverter', num_keypoints=68, mapping=WFLW_TO_300W)],
                **common),
            dict(  # 21 of the 68; the others have weight 0
                type='CheckedCOFWDataset',
                data_root='data/cofw/',
                ann_file='annotations/cofw_train.json',
                pipeline=[dict(type='KeypointConverter', num_keypoints=68, mapping=COFW_TO_300W)],
                **common),
        ],
        pipeline=_base_.train_dataloader.dataset.pipeline))
