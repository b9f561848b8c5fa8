# MMPose's runtime, plus what this project registers. The bases form one chain:
# default_runtime <- schedules/paper_200e <- models/hgs <- data/300w <- the leaves in configs/300w.
_base_ = ['mmpose::_base_/default_runtime.py']

custom_imports = dict(imports=['mhhn_mmpose'], allow_failed_imports=False)

default_hooks = dict(
    logger=dict(interval=20),
    checkpoint=dict(
        interval=10, max_keep_ckpts=2, save_best='full/inter_ocular/NME', rule='less'))

randomness = dict(seed=0)
