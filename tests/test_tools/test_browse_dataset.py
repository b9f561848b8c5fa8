"""tools/misc/browse_dataset.py: flips, sides, and the sheet."""

import runpy

import cv2
import numpy as np
import pytest
from conftest import ROOT, run_tool
from mmengine.config import Config

TOOL = runpy.run_path(str(ROOT / 'tools/misc/browse_dataset.py'))
CONFIG = ROOT / 'configs/300w/td-hm_hgs-tiny_2xb8-30e_300w-128x128.py'
CLASSES = {
    '300w': 'Face300WDataset',
    'wflw': 'WFLWDataset',
    'cofw': 'COFWDataset',
    'aflw': 'AFLWDataset',
}


def options(generated, scheme='300w'):
    root = generated(scheme)
    (file,) = (p for p in root.glob('annotations/*train.json'))
    found = dict(type=CLASSES[scheme], data_root=root, ann_file=file)
    return {f'train_dataloader.dataset.{key}': str(value) for key, value in found.items()}


@pytest.mark.parametrize('scheme', CLASSES)
def test_a_flip_mirrors_and_exchanges_pairs(generated, scheme):
    cfg = Config.fromfile(CONFIG)
    cfg.merge_from_dict(options(generated, scheme))
    dataset, _ = TOOL['load_dataset'](cfg, 'train')
    steps = cfg.val_dataloader.dataset.pipeline  # without augmentation
    plain, flipped = (
        TOOL['with_flip'](steps, flip)({**dataset.get_data_info(1), 'dataset': dataset})
        for flip in (False, True)
    )
    here, there = (
        view['data_samples'].gt_instances.transformed_keypoints[0] for view in (plain, flipped)
    )
    mirrored = here[dataset.metainfo['flip_indices']] * (-1, 1) + (
        128,
        0,
    )  # the crop's middle is at 64
    np.testing.assert_allclose(there, mirrored, atol=0.05)
    pixels, expected = flipped['inputs'][..., 1:].float(), plain['inputs'].float()
    apart = (pixels - expected.flip(2)[..., :-1]).abs().mean()
    assert apart < 0.2 * (pixels - expected[..., 1:]).abs().mean()
    sides = TOOL['picture_sides'](dataset)
    for points in (here, there):
        left, right = (points[sides == side, 0] for side in (1, 2))
        assert len(left) == len(right) > 7 and left.mean() + 10 < right.mean()


def test_sides_are_those_of_the_picture():
    """A mouth: upper lip 0 1 2 from left to right, lower lip 3 4 from right to left; a chin."""
    mouth = np.array([[30.0, 40], [50, 33], [70, 41], [62, 52], [38, 51], [51, 75]])
    turned = mouth * (-1, 1) + (100, 0)

    class Faces(list):
        metainfo = dict(flip_indices=[2, 1, 0, 4, 3, 5])

        def get_data_info(self, index):
            return dict(keypoints=self[index][None])

    sides = TOOL['picture_sides']
    assert sides(Faces([mouth])).tolist() == [1, 0, 2, 2, 1, 0]
    # One large face has one vote.
    assert sides(Faces([turned, mouth * 9, turned])).tolist() == [2, 0, 1, 1, 2, 0]


def test_the_command(generated, tmp_path, monkeypatch, capsys):
    words = [f'{key}={value}' for key, value in options(generated).items()]
    out = tmp_path / 'a.png'

    def call(*arguments):
        arguments = [CONFIG, out, *arguments, '--cfg-options', *words]
        return run_tool(monkeypatch, 'misc/browse_dataset.py', *arguments)

    assert not call('--count', 2)
    assert capsys.readouterr().out.endswith('a.png: 2 of 4 faces\n')
    sheet = cv2.imread(str(out))
    assert sheet.std() > 30
    assert not call('--index', 3, 0, 2)
    assert cv2.imread(str(out)).shape[0] == pytest.approx(1.5 * sheet.shape[0], abs=2)
    assert call('--index', 1, 4).endswith('--index 4 is out of range: 4 faces, 0 to 3')
    assert call('--count', 0) == 2
    words.append('train_dataloader.dataset.type=RepeatDataset')
    assert call().endswith('RepeatDataset is no COCO-style dataset; choose another --split')
