"""tools/analysis/results_tables.py: run files to a page's tables."""

import json

import pytest
from conftest import run_tool


def run(name, seed, sdt, **more):
    scores = dict(nme=sdt, std=1.0, fr10=0.3, auc10=0.65)
    both = dict(inter_ocular=scores, inter_pupil=scores | dict(nme=sdt * 1.4))
    return dict(
        name=f'{name}-s{seed}',
        config=f'{name}.py',
        overrides={},
        train=dict(faces=998, epochs=8, minutes=12.4, device='cpu', seed=seed),
        params=512_000,
        ms_per_face=None,
        commit='abc',
        scores=dict(dev=dict(argmax=both, sdt=both)),
        heatmaps=None,
        log=[],
    ) | dict(more)


@pytest.fixture
def page(tmp_path):
    files = [run('mhhn', 0, 3.5), run('hgs', 0, 3.2), run('hgs', 1, 3.4, heatmaps=dict(peak=0.5))]
    for number, content in enumerate(files):
        (tmp_path / f'{number}.json').write_text(json.dumps(content))
    path = tmp_path / 'results.md'
    spots = (f'<!-- table: {n} -->\nold\n<!-- end -->' for n in ('dev', 'hard', 'heatmaps'))
    path.write_text('A\n\n' + '\n\nB\n\n'.join(spots) + '\n')
    return path


def test_seeds_are_one_row_with_mean_and_range(page, monkeypatch):
    arguments = ['analysis/results_tables.py', '--runs', page.parent, '--page', page]
    assert not run_tool(monkeypatch, *arguments)
    text = page.read_text()
    dev, hard, heatmaps = text.split('B\n')
    rows = [[c.strip() for c in line.split('|')[1:-1]] for line in dev.splitlines() if '|' in line]
    assert [row[0] for row in rows[2:]] == ['hgs', 'mhhn']  # the best first
    assert rows[0][:5] == ['model', 'minutes', 'seeds', 'argmax', 'SDT']  # equal ones are left out
    assert rows[2][1:5] == ['12 (12 to 12)', '2', *['3.30 (3.20 to 3.40)'] * 2]
    assert rows[3][2:5] == ['1', '3.50', '3.50']
    assert 'hgs' not in hard and '0.500' in heatmaps and 'mhhn' not in heatmaps
    assert text.startswith('A\n') and 'old' not in text


@pytest.mark.parametrize(
    ('name', 'content', 'message'),
    [
        ('0.json', '{"name": "a"}', 'no run file, it lacks config, overrides, params'),
        ('results.md', '<!-- table: all -->\n<!-- end -->', "no table 'all', only dev, helen_test"),
    ],
)
def test_refuses(page, monkeypatch, name, content, message):
    (page.parent / name).write_text(content)
    end = run_tool(monkeypatch, 'analysis/results_tables.py', '--runs', page.parent, '--page', page)
    assert message in end
