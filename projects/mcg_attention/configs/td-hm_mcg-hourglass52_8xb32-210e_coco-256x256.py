# MMPose's hourglass for COCO with MHHN's attention after its unit. The modules are found with this
# repository's root in PYTHONPATH.
_base_ = [
    'mmpose::body_2d_keypoint/topdown_heatmap/coco/'
    'td-hm_hourglass52_8xb32-210e_coco-256x256.py'
]

custom_imports = dict(
    imports=['mhhn_mmpose', 'projects.mcg_attention.models'], allow_failed_imports=False)

model = dict(backbone=dict(type='MCGHourglassNet'))
