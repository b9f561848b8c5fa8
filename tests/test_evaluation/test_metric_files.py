"""The metric among several processes and in files."""

import json
import os

import pytest
import torch
import torch.multiprocessing as mp
from test_face_alignment_metric import evaluate, make_sample, shifted

from mhhn_mmpose.evaluation import FaceAlignmentMetric


def _evaluate_on(rank, world_size, store, out):
    os.environ['OMP_NUM_THREADS'] = '1'
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{store}', rank=rank, world_size=world_size
    )
    # 5 samples on 2 processes as DefaultSampler deals them: the last is padded with the first.
    samples = [make_sample(i, subsets=['odd'] if i % 2 else []) for i in range(5)]
    mine = [*samples, samples[0]][rank::world_size]
    metric = FaceAlignmentMetric(errors_file=f'{out}/errors.json')
    metric.collect_dir = f'{out}/collect'
    metric.dataset_meta = dict(dataset_name='300w')
    metric.process(None, mine)
    scores = metric.evaluate(5)
    with open(f'{out}/{rank}.json', 'w') as file:
        json.dump(scores, file)
    torch.distributed.destroy_process_group()


@pytest.mark.skipif(
    'fork' not in mp.get_all_start_methods(), reason='needs fork, this system has only spawn'
)
def test_same_digits_on_two_processes(tmp_path):
    mp.start_processes(
        _evaluate_on, (2, str(tmp_path / 'store'), str(tmp_path)), nprocs=2, start_method='fork'
    )
    expected = evaluate([make_sample(i, subsets=['odd'] if i % 2 else []) for i in range(5)])
    for rank in range(2):
        assert json.loads((tmp_path / f'{rank}.json').read_text()) == expected
    assert len(json.loads((tmp_path / 'errors.json').read_text())['images']) == 5


def test_errors_file(tmp_path):
    path = tmp_path / 'new folder' / 'errors.json'
    samples = [shifted(4, 0, 1, subsets=['common']), shifted(2, 3, 4)]
    samples[0]['gt_instances']['keypoints_visible'][0, 7] = 0
    samples[1]['gt_instances']['keypoints_visible'][0, [7, 9]] = 0
    evaluate(samples, normalizers=['inter_ocular', 'box'], errors_file=str(path))
    content = json.loads(path.read_text())
    assert content['dataset_name'] == '300w'
    assert content['normalizers'] == ['inter_ocular', 'box']
    first, second = content['images']
    assert (first['id'], first['img_path'], first['subsets']) == (2, '2.jpg', [])
    assert first['errors'] == pytest.approx({'inter_ocular': 10, 'box': 500 / 48})
    assert second['subsets'] == ['common']
    landmarks = content['landmark_errors']['inter_ocular']
    assert len(landmarks) == 68 and landmarks[7] is None
    assert [landmarks[0], landmarks[9]] == pytest.approx([6, 2])
    assert [p.name for p in path.parent.iterdir()] == ['errors.json']
