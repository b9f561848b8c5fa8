# MMPose's runtime, plus what this project registers. A leaf joins two bases: the chain
# default_runtime <- schedules/paper_200e <- pipelines/face_256x256 <- models/*, and one of data/*.
_base_ = ['mmpose::_base_/default_runtime.py']

custom_imports = dict(imports=['mhhn_mmpose'], allow_failed_imports=False)

default_hooks = dict(
    logger=dict(interval=20),
    checkpoint=dict(
        type='AtomicCheckpointHook', interval=10, max_keep_ckpts=2,
        save_best='full/inter_ocular/NME', rule='less'),
    epoch_seed=dict(type='EpochSeedHook'),
    finite_loss=dict(type='FiniteLossHook'),
    visualization=dict(type='FaceVisualizationHook'))

randomness = dict(seed=0)
