# HGs, trained on 300W, tested on COFW-68: COFW's test photos with 300W's 68 points.
_base_ = ['../300w/td-hm_hgs_8xb4-200e_300w-256x256.py']

cofw_root, ann_file = 'data/cofw/', 'annotations/cofw68_test.json'

test_dataloader = dict(dataset=dict(data_root=cofw_root, ann_file=ann_file))
test_evaluator = dict(
    normalizers=['landmark_box', 'inter_ocular'],
    ann_file=cofw_root + ann_file,
    failure_threshold=7.0)
