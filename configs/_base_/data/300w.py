# 300W as tools/dataset_converters/300w2coco.py writes it, in MMPose's places, and what every model
# here shares: runtime, schedule, pipelines, loaders, metric. The other datasets of this folder
# inherit from this file and name their own photos; a leaf joins a dataset with a model.
default_scope = 'mmpose'
custom_imports = dict(imports=['mhhn_mmpose'], allow_failed_imports=False)

# MMPose's default runtime, written out: `mmpose::` bases make MMEngine read 148 metafiles.
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=20),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='AtomicCheckpointHook', interval=10, max_keep_ckpts=2,
        save_best='full/inter_ocular/NME', rule='less'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    epoch_seed=dict(type='EpochSeedHook'),
    finite_loss=dict(type='FiniteLossHook'),
    validation_check=dict(type='ValidationCheckHook'),
    visualization=dict(type='FaceVisualizationHook', enable=False),
    badcase=dict(
        type='BadCaseAnalysisHook', enable=False, out_dir='badcase', metric_type='loss',
        badcase_thr=5))
custom_hooks = [dict(type='SyncBuffersHook')]
env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'))
vis_backends = [dict(type='LocalVisBackend')]
log_processor = dict(type='LogProcessor', window_size=50, by_epoch=True, num_digits=6)
log_level = 'INFO'
load_from = None
resume = False
backend_args = dict(backend='local')
randomness = dict(seed=0)

# The paper divides the learning rate by 2, 5, 10, 10 at epochs 20, 50, 100, 150 (MHHN, Section
# IV-A). It gives neither the number of epochs nor the batch size. 200 epochs keep the last rate as
# long as the one before; 32 images a step put the first division after some 2000 steps of 300W.
train_cfg = dict(by_epoch=True, max_epochs=200, val_interval=10)
val_cfg = dict()
test_cfg = dict()
param_scheduler = [
    dict(type='MultiStepLR', milestones=[20], gamma=1 / 2, by_epoch=True),
    dict(type='MultiStepLR', milestones=[50], gamma=1 / 5, by_epoch=True),
    dict(type='MultiStepLR', milestones=[100, 150], gamma=1 / 10, by_epoch=True),
]
auto_scale_lr = dict(base_batch_size=32)

dataset_type = 'CheckedFace300WDataset'  # MMPose's inferencer chooses its detector by it
data_mode = 'topdown'
data_root = 'data/300w/'
val_ann_file = 'annotations/face_landmarks_300w_valid.json'

# From a photo and its face box to the network's input and targets. The leaf names the codec.
train_dataloader = dict(
    batch_size=4,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_mode=data_mode,
        data_root=data_root,
        data_prefix=dict(img='images/'),
        ann_file='annotations/face_landmarks_300w_train.json',
        pipeline=[
            dict(type='LoadFaceImage'),
            dict(type='GetBBoxCenterScale'),
            dict(type='RandomFlip', direction='horizontal'),
            # Rotation and box scale from a (truncated) Gaussian, as in the paper, which gives no
            # ranges; MMPose rotates 60% of the images.
            dict(
                type='RandomBBoxTransform',
                shift_prob=0,
                rotate_factor=45,
                scale_factor=(0.8, 1.2)),
            dict(type='TopdownAffine', input_size=(256, 256)),
            dict(type='PhotometricDistortion'),
            dict(type='GenerateTarget', encoder=None),
            dict(type='PackPoseInputs'),
        ]))
val_dataloader = dict(
    batch_size=32,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    batch_sampler=dict(type='FullBatchSampler'),
    dataset=dict(
        type=dataset_type,
        data_mode=data_mode,
        data_root=data_root,
        data_prefix=dict(img='images/'),
        ann_file=val_ann_file,
        test_mode=True,
        pipeline=[
            dict(type='LoadFaceImage'),
            dict(type='GetBBoxCenterScale'),
            dict(type='TopdownAffine', input_size=(256, 256)),
            dict(type='PackPoseInputs'),
        ]))
test_dataloader = val_dataloader

val_evaluator = dict(
    type='FaceAlignmentMetric',
    normalizers=['inter_ocular', 'inter_pupil'],
    ann_file=data_root + val_ann_file)
test_evaluator = val_evaluator
