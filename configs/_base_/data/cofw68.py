# Trained on 300W, tested on COFW-68: COFW's test photos with 300W's 68 points.
_base_ = ['./300w.py']

cofw_root, ann_file = 'data/cofw/', 'annotations/cofw68_test.json'

test_dataloader = dict(dataset=dict(data_root=cofw_root, ann_file=ann_file))
# Failures at 7% of the landmark box, as COFW-68's authors' followers count, and at the paper's 10%.
test_evaluator = dict(
    normalizers=['landmark_box', 'inter_ocular', 'inter_pupil'],
    ann_file=cofw_root + ann_file,
    failure_threshold=7.0,
    also_failures_at=(10.0,))
