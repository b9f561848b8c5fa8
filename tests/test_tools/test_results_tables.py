"""tools/analysis/results_tables.py: run files to a page's tables."""

import cv2
import pytest
from analysis.results_tables import DOCS, PAGE, draw_times, fill, read_runs

from mhhn_landmarks.errors import InputError


def run(name, seed, sdt, **more):
    scores = dict(nme=sdt, std=1.0, fr10=0.3, auc10=0.65)
    both = dict(inter_ocular=scores, inter_pupil=scores | dict(nme=sdt * 1.4))
    train = dict(faces=998, epochs=8, minutes=12.4, device='cpu', seed=seed)
    found = dict(name=f'{name}-s{seed}', config=f'{name}.py', overrides={}, train=train)
    found |= dict(params=512_000, ms_per_face=None, commit='abc', heatmaps=None, log=[])
    return found | dict(scores=dict(dev=dict(argmax=both, sdt=both))) | more


def test_seeds_are_one_row_with_mean_and_range():
    runs = [run('mhhn', 0, 3.5), run('hgs', 0, 3.2), run('hgs', 1, 3.4, heatmaps=dict(peak=0.5))]
    spots = (f'<!-- table: {n} -->\nold\n<!-- end -->' for n in ('dev', 'hard', 'heatmaps'))
    text = fill('A\n\n' + '\n\nB\n\n'.join(spots) + '\n', runs)
    dev, hard, heatmaps = text.split('B\n')
    rows = [[c.strip() for c in line.split('|')[1:-1]] for line in dev.splitlines() if '|' in line]
    assert [row[0] for row in rows[2:]] == ['hgs', 'mhhn']  # the best first
    assert rows[0][:4] == ['model', 'seeds', 'argmax', 'SDT']  # equal ones are left out
    assert rows[2][1:4] == ['2', *['3.30 (3.20 to 3.40)'] * 2]
    assert rows[3][1:4] == ['1', '3.50', '3.50']
    assert 'hgs' not in hard and '0.500' in heatmaps and 'mhhn' not in heatmaps
    assert text.startswith('A\n') and 'old' not in text
    with pytest.raises(InputError, match="no table 'all', only dev, helen_test"):
        fill('<!-- table: all -->\n<!-- end -->', runs)


def test_the_page_is_as_the_runs_say_and_the_figure_is_drawn(tmp_path):
    runs, page = read_runs(DOCS / 'results'), PAGE.read_text(encoding='utf-8')
    assert fill(page, runs) == page, 'run tools/analysis/results_tables.py'
    draw_times(runs, tmp_path / 'a.png')
    assert cv2.imread(str(tmp_path / 'a.png')).std() > 10
