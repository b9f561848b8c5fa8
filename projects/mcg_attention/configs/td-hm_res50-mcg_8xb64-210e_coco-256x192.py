# MMPose's ResNet-50 for COCO with MHHN's attention between backbone and head. The modules are found
# with this repository's root in PYTHONPATH.
_base_ = [
    'mmpose::body_2d_keypoint/topdown_heatmap/coco/'
    'td-hm_res50_8xb64-210e_coco-256x192.py'
]

custom_imports = dict(
    imports=['mhhn_mmpose', 'projects.mcg_attention.models'], allow_failed_imports=False)

model = dict(neck=dict(type='MCGNeck', channels=2048))  # of 8x6 positions
