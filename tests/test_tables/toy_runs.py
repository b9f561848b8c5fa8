"""Runs as trainings and tests leave them, scored by FaceAlignmentMetric itself on toy faces."""

import json
from pathlib import Path

import numpy as np

from mhhn_mmpose.evaluation import FaceAlignmentMetric

PAPER = 'td-hm_mhhn_8xb4-200e_300w-256x256'
TINY = 'td-hm_mhhn-tiny_2xb8-30e_300w-128x128'
CONFIG = """
model = dict(
    backbone=dict(type='MCGHourglass', num_stacks={stacks}, feat_channels={channels}),
    head=dict(decoder=dict(input_size=({size}, {size}))))
load_from = {load_from!r}
val_evaluator = test_evaluator = dict(type='FaceAlignmentMetric', failure_threshold={threshold})
"""


def score(errors_file: Path | None, subsets: dict[str, int], distance: float, **arguments) -> dict:
    """Score faces that are all off by `distance` px, their outer eye corners 50 px apart."""
    metric = FaceAlignmentMetric(
        ['inter_ocular', 'inter_pupil'],
        errors_file=errors_file and str(errors_file),
        **arguments,
    )
    metric.dataset_meta = dict(dataset_name='300w')
    rng = np.random.default_rng(3)
    points = rng.uniform(20, 200, (1, 68, 2))
    points[0, 45] = points[0, 36] + [30.0, 40.0]
    names = [name for name, count in subsets.items() for _ in range(count)]
    for number, name in enumerate(names, 1):
        truth = dict(keypoints=points, keypoints_visible=np.ones((1, 68)))
        prediction = dict(keypoints=points + [distance, 0.0])
        sample = dict(id=number, img_path=f'{number}.jpg', raw_ann_info=dict(subsets=[name]))
        metric.process(None, [sample | dict(gt_instances=truth, pred_instances=prediction)])
    return metric.evaluate(len(names))


def write_config(folder: Path, stem: str, load_from=None, threshold=10.0, size=256) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    stacks, channels = (4, 256) if size == 256 else (1, 96)
    text = CONFIG.format(
        stacks=stacks, channels=channels, size=size, load_from=load_from, threshold=threshold
    )
    (folder / f'{stem}.py').write_text(text)


def write_test(
    folder: Path,
    stem=PAPER,
    common=554,
    challenge=135,
    distance=2.0,
    load_from='runs/epoch_200.pth',
    threshold=10.0,
    size=256,
) -> dict:
    """Write what tools/test.py leaves; return the scores."""
    write_config(folder, stem, load_from, threshold, size)
    subsets = dict(common=common, challenge=challenge)
    scores = score(folder / 'errors.json', subsets, distance, failure_threshold=threshold)
    (folder / 'metrics.json').write_text(json.dumps(scores | dict(time=0.1, data_time=0.2)))
    return scores


def write_training(folder: Path, stem=PAPER, epochs=7, validated=(5,), size=256) -> dict:
    """Write what tools/train.py logs; return the last validation's scores."""
    write_config(folder, stem, size=size)
    lines, scores = [], {}
    for epoch in range(1, epochs + 1):
        lines.append(dict(loss=0.5, epoch=epoch, iter=20 * epoch, step=20 * epoch))
        if epoch in validated:
            scores = score(None, dict(common=3, challenge=2), 10.0 / epoch)
            lines.append(scores | dict(time=0.1, step=epoch))
    log = folder / '20260102_030405' / 'vis_data' / 'scalars.json'
    log.parent.mkdir(parents=True)
    log.write_text(''.join(json.dumps(line) + '\n' for line in lines))
    return scores
