import json

import cv2
import numpy as np
import pytest
from figures.ced import COLORS
from figures.curves import Curves, choose_score, plot_curves, read_curves
from paper_tables.conditions import RunError

NME = 'full/inter_ocular/NME'


def write_log(work_dir, start, rows):
    file = work_dir / start / 'vis_data' / 'scalars.json'
    file.parent.mkdir(parents=True)
    file.write_text('\n'.join(map(json.dumps, rows)) + '\n')


def test_a_resumed_training_is_one_curve(tmp_path):
    steps = [dict(epoch=e, loss=10.0 * e + i, step=9) for e in (1, 2, 3) for i in (0, 2)]
    write_log(tmp_path, '20260101_000000', [*steps, {NME: 5.0, 'full/AUC': 0.4, 'step': 2}])
    write_log(tmp_path, '20260102_000000', [dict(epoch=3, loss=7.0, step=1), {NME: 4.0, 'step': 3}])
    curves = read_curves(tmp_path)
    assert curves.loss == {1: 11.0, 2: 21.0, 3: 7.0}
    assert curves.scores == {NME: {2: 5.0, 3: 4.0}}
    # Started anew: nothing of the first run is left.
    write_log(tmp_path, '20260103_000000', [dict(epoch=1, loss=1.0, step=1)])
    assert read_curves(tmp_path).loss == {1: 1.0}


def test_refuses(tmp_path):
    with pytest.raises(RunError, match='no such folder'):
        read_curves(tmp_path / 'nothing')
    with pytest.raises(RunError, match='no log of a training'):
        read_curves(tmp_path)
    write_log(tmp_path, 'a', [dict(step=1)])
    with pytest.raises(RunError, match='have no loss'):
        read_curves(tmp_path)
    (tmp_path / 'a' / 'vis_data' / 'scalars.json').write_text('{"loss": 1}\n{')
    with pytest.raises(RunError, match=r'scalars.json:2: cannot be read'):
        read_curves(tmp_path)


def test_choose_score():
    runs = {'a': Curves({1: 1.0}, {}), 'b': Curves({1: 1.0}, {NME: {1: 3.0}, 'NME': {1: 0.1}})}
    assert choose_score(runs, None) == NME
    assert choose_score(runs, 'NME') == 'NME'
    assert choose_score({'a': runs['a']}, None) is None
    with pytest.raises(RunError, match="no run has the score 'AP', only full"):
        choose_score(runs, 'AP')


def test_draws_loss_and_score(tmp_path):
    loss = {e: 4.0 / e for e in range(1, 9)}
    runs = {'a': Curves(loss, {NME: {2: 5.0, 8: 4.0}}), 'b': Curves(loss | {1: 9.0}, {})}
    widths = []
    for score in (NME, None):
        path = tmp_path / 'new' / f'{score is None}.png'
        plot_curves(runs, path, score)
        picture = cv2.imread(str(path))[..., ::-1].astype(int)
        widths.append(picture.shape[1])
        found = []
        for color in COLORS[:2]:
            rgb = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
            near = np.abs(picture - rgb).max(axis=-1) < 8
            half = picture.shape[1] // 2
            found.append([near[:-150, :half].sum(), near[:-150, half + 60 :].sum()])
        if score:
            assert found[0][1] > 200 and found[1][1] == 0  # only a has been validated
        assert found[0][0] > 100 and found[1][0] > 100
    assert widths[0] > 1.7 * widths[1]
