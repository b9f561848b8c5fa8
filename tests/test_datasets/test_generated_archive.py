"""Generated faces on disk, laid out as the 300W archives."""

import re
import runpy
from pathlib import Path

import cv2
import numpy as np
import pytest
from generated_faces import (
    SCHEMES,
    landmarks,
    random_face,
    render,
    write_300w_archive,
)

COUNTS = {'300w': 68, 'wflw': 98, 'cofw': 29, 'aflw': 19}


def read_pts(path: Path) -> np.ndarray:
    text = path.read_text()
    match = re.fullmatch(r'version: 1\nn_points: (\d+)\n\{\n(.*)\n\}\n', text, re.DOTALL)
    points = np.array([line.split() for line in match[2].split('\n')], float)
    assert len(points) == int(match[1])
    return points


def files(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob('*') if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_archive_layout_counts_and_contents(tmp_path):
    assert SCHEMES.keys() == COUNTS.keys()
    out = tmp_path / 'raw' / 'set'
    assert write_300w_archive(out, num_train=10, num_common=5, num_challenge=2, seed=4)
    found = files(out)
    pictures = sorted(name for name in found if name.endswith(('.jpg', '.png')))
    per_folder = {
        folder: sum(name.startswith(f'{folder}/gen_') for name in pictures)
        for folder in ('afw', 'helen/trainset', 'lfpw/trainset', 'helen/testset', 'lfpw/testset')
    }
    assert list(per_folder.values()) == [1, 6, 3, 3, 2]
    assert len(pictures) == 17 and {'ibug/gen_0001.jpg', 'ibug/gen_0002.jpg'} < set(pictures)
    assert all(name.endswith('.png') == name.startswith('lfpw') for name in pictures)
    assert len(found) == 2 * 17 + 1
    face = random_face([4, 1, 1])
    points = read_pts(out / 'helen/trainset/gen_0001.pts')
    np.testing.assert_allclose(points - 1.0, landmarks(face, '300w'), atol=1e-6)
    picture = cv2.imread(str(out / 'helen/trainset/gen_0001.jpg')).astype(float)
    assert np.abs(picture - render(face)).mean() < 8.0
    lossless = cv2.imread(str(out / 'lfpw/testset/gen_0002.png'))
    assert (lossless == render(random_face([4, 4, 2]))).all()


def test_archive_faces_do_not_depend_on_their_number(tmp_path):
    sizes = dict(num_common=1, num_challenge=1)
    write_300w_archive(tmp_path / 'few', num_train=3, **sizes)
    write_300w_archive(tmp_path / 'more', num_train=7, **sizes)
    write_300w_archive(tmp_path / 'other', num_train=3, seed=1, **sizes)
    few, more, other = (files(tmp_path / name) for name in ('few', 'more', 'other'))
    few.pop('generated.json')
    assert few.items() <= more.items()
    assert all(other[name] != data for name, data in few.items())


def test_interrupted_writing_leaves_nothing(tmp_path):
    def stop(done: int, total: int) -> None:
        assert total == 8
        if done == 2:
            raise KeyboardInterrupt

    sizes = dict(num_train=6, num_common=1, num_challenge=1)
    with pytest.raises(KeyboardInterrupt):
        write_300w_archive(tmp_path / 'set', progress=stop, **sizes)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(num_train=0), 'num_train .*at least 1, got 0'),
        (dict(num_challenge=2.5), 'num_challenge .*got 2.5'),
        (dict(seed=-1), 'seed .*got -1'),
    ],
)
def test_bad_arguments_are_refused(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        write_300w_archive(tmp_path / 'set', **arguments)
    assert list(tmp_path.iterdir()) == []


def test_foreign_folder_is_left_alone(tmp_path):
    (tmp_path / 'note.txt').write_text('mine')
    with pytest.raises(ValueError, match='something else.*choose another'):
        write_300w_archive(tmp_path, num_train=1, num_common=1, num_challenge=1)
    assert [path.name for path in tmp_path.iterdir()] == ['note.txt']


def test_tool_runs_twice(tmp_path, capsys):
    path = Path(__file__).parents[2] / 'tools/misc/generate_faces.py'
    main = runpy.run_path(str(path))['main']
    arguments = [str(tmp_path / 'set'), '--train', '3', '--common', '2', '--challenge', '1']
    main(arguments)
    assert f'wrote {tmp_path / "set"}' in capsys.readouterr().out
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob('*')}
    main(arguments)
    assert 'complete already' in capsys.readouterr().out
    assert before == {p: p.stat().st_mtime_ns for p in tmp_path.rglob('*')}
    with pytest.raises(SystemExit, match='remove it or choose another'):
        main([*arguments, '--seed', '3'])
