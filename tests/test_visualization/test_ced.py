import json

import cv2
import numpy as np
import pytest
from figures.ced import COLORS, DASHES, _label, ced_steps, plot_ced, read_errors

from mhhn_mmpose.evaluation.functional import area_under_ced


def test_steps_by_hand():
    x, y = ced_steps([4.0, 11.0, 2.0, 4.0, 10.0], threshold=10.0)
    np.testing.assert_array_equal(x, [0, 2, 4, 4, 10, 10])
    np.testing.assert_allclose(y, [0, 0.2, 0.4, 0.6, 0.8, 0.8])
    x, y = ced_steps([12.0], threshold=10.0)
    assert (x.tolist(), y.tolist()) == ([0, 10], [0, 0])


def test_area_below_the_drawn_curve_is_the_auc():
    errors = np.random.default_rng(1).gamma(3, 2, 37)
    x, y = ced_steps(errors, 8.0)
    assert (y[:-1] * np.diff(x)).sum() / 8 == pytest.approx(area_under_ced(errors, 8.0))


def test_legend():
    assert _label('MHHN', [2, 4, 12, 2], 10.0) == 'MHHN:  NME 5.00 %,  AUC 0.550,  FR 25.00 %'


def test_runs_are_told_apart():
    assert len({(COLORS[i % len(COLORS)], DASHES[i % len(DASHES)]) for i in range(28)}) == 28


def test_draws_every_curve(tmp_path):
    path = tmp_path / 'new folder' / 'ced.png'
    runs = {'a': [2.0, 3.0, 5.0], 'b': [1.0, 9.0, 30.0]}
    plot_ced(runs, path, title='300W', normalizer='inter-ocular distance')
    photo = cv2.imread(str(path))[..., ::-1].astype(int)
    for color in COLORS[:2]:
        rgb = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
        assert (np.abs(photo - rgb).max(axis=-1) < 8).sum() > 500
    plot_ced(runs, tmp_path / 'ced.svg')
    assert '<svg' in (tmp_path / 'ced.svg').read_text()


@pytest.mark.parametrize(
    ('runs', 'message'),
    [
        ({}, 'runs is empty'),
        ({'a': []}, "run 'a': errors"),
        ({'a': [[1.0]]}, r'got shape \(1, 1\)'),
        ({'a': [1.0], 'b': [float('nan')]}, "run 'b': .* got nan"),
        ({'a': [-1.0]}, 'got -1'),
    ],
)
def test_refuses(tmp_path, runs, message):
    with pytest.raises(ValueError, match=message):
        plot_ced(runs, tmp_path / 'ced.png')
    with pytest.raises(ValueError, match='threshold'):
        plot_ced({'a': [1.0]}, tmp_path / 'ced.png', threshold=0)
    assert not list(tmp_path.iterdir())


def test_read_errors(tmp_path):
    images = [
        dict(id=1, subsets=['common'], errors=dict(box=2.0)),
        dict(id=2, subsets=[], errors=dict(box=3.0)),
    ]
    path = tmp_path / 'errors.json'
    path.write_text(json.dumps(dict(normalizers=['box'], images=images)))
    assert read_errors(path, 'box').tolist() == [2, 3]
    assert read_errors(path, 'box', 'common').tolist() == [2]
    with pytest.raises(ValueError, match="no subset 'pose', only common, full"):
        read_errors(path, 'box', 'pose')
    with pytest.raises(ValueError, match="no normaliser 'inter_ocular', only box"):
        read_errors(path, 'inter_ocular')
