# A stand-in for a trained MSRA model: MMPose's ResNet config for COCO, made small enough to train
# in minutes on a CPU with the figures of generate_people.py.
_base_ = [
    'mmpose::body_2d_keypoint/topdown_heatmap/coco/'
    'td-hm_res50_8xb64-210e_coco-256x192.py'
]

from mhhn_mmpose.datasets.pipelines import with_codec

codec = dict(
    type='MSRAHeatmap', input_size=(96, 128), heatmap_size=(24, 32), sigma=1.5)

model = dict(
    backbone=dict(depth=18, init_cfg=None),
    head=dict(
        in_channels=512, deconv_out_channels=(128, 128, 128), decoder=codec,
        # The mean over a map that is mostly empty is small; Adam does not mind, the log does.
        loss=dict(loss_weight=1000.0)))

data_root = 'data/people/'
train_dataloader = with_codec(_base_.train_dataloader, codec)
train_dataloader.update(batch_size=16, num_workers=1)
train_dataloader['dataset']['data_root'] = data_root
val_dataloader = with_codec(_base_.val_dataloader, codec)
val_dataloader.update(num_workers=1)
val_dataloader['dataset'].update(data_root=data_root, bbox_file=None)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + 'annotations/person_keypoints_val2017.json')
test_evaluator = val_evaluator

optim_wrapper = dict(optimizer=dict(lr=2e-3))
train_cfg = dict(max_epochs=12, val_interval=12)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=20, start_factor=0.01, by_epoch=False),
    dict(type='MultiStepLR', milestones=[9], gamma=0.1, by_epoch=True)
]
