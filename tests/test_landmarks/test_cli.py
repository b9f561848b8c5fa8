"""The command `mhhn-landmarks` with ONNX; with PyTorch see test_apis/test_aligner.py."""

import json
import os
import signal
import subprocess
import sys

import cv2
import numpy as np
import pytest
from conftest import ROOT
from generated_faces import landmarks, random_face, render
from odd_videos import write_video

from mhhn_landmarks import __version__, batches
from mhhn_landmarks.cli import main
from mhhn_landmarks.models import onnx_file

MODEL = str(onnx_file('tiny'))
FACES = [random_face(i) for i in range(3)]


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Folder with `photos/`, `still.mp4` and `boxes.json`."""
    folder = tmp_path_factory.mktemp('cli')
    (folder / 'photos').mkdir()
    boxes = {}
    for number, face in enumerate(FACES):
        cv2.imwrite(str(folder / 'photos' / f'{number}.png'), render(face))
        low, high = (f(landmarks(face, '300w'), axis=0) for f in (np.min, np.max))
        boxes[f'{number}.png'] = [[*low, *(high - low)]] * (number + 1)
    (folder / 'boxes.json').write_text(json.dumps(boxes))
    write_video(folder / 'still.mp4', [render(FACES[0])] * 5, fps=10)
    return folder


def run(*arguments):
    return main([*map(str, arguments), '--model', MODEL])


def read(folder, name):
    return json.loads((folder / f'{name}.json').read_text())['pictures']


def test_a_folder_with_given_boxes(data, tmp_path, capsys):
    boxes = data / 'boxes.json'
    assert run(data / 'photos', '--out', tmp_path, '--boxes', boxes, '--batch', 2) == 0
    assert '6 faces in 3 pictures' in capsys.readouterr().out
    entries = read(tmp_path, 'photos')
    assert [len(entry['faces']) for entry in entries] == [1, 2, 3]
    x, y, width, height = json.loads(boxes.read_text())['2.png'][0]
    middle, side = [x + width / 2, y + height / 2], max(width, height)
    x, y, *sides = entries[2]['faces'][0]['box']
    np.testing.assert_allclose(
        [x + side / 2, y + side / 2, *sides], [*middle, side, side], atol=0.02
    )
    assert len((tmp_path / 'photos.csv').read_text().splitlines()) == 1 + 6 * 68
    drawn = cv2.imread(str(tmp_path / '2_landmarks.png'))
    photo = cv2.imread(str(data / 'photos/2.png'))
    assert drawn.shape == photo.shape and 0.001 < (drawn != photo).mean() < 0.3


def test_a_video_with_the_detector(data, tmp_path, capsys):
    assert run(data / 'still.mp4', '--out', tmp_path, '--max-frames', 4, '--min-score', 0) == 0
    entries = read(tmp_path, 'still')
    assert [entry['seconds'] for entry in entries] == [0, 0.1, 0.2, 0.3]
    assert [[face['face'] for face in entry['faces']] for entry in entries] == [[0]] * 4
    (path,) = tmp_path.glob('still_landmarks.*')
    assert cv2.VideoCapture(str(path)).isOpened()
    assert run(data / 'still.mp4', '--out', tmp_path / 'b', '--min-score', 0.999) == 0
    assert all(entry['faces'] == [] for entry in read(tmp_path / 'b', 'still'))
    assert 'left out, mean score below 0.999: 5 faces; --min-score 0' in capsys.readouterr().out


def test_one_bad_photo_is_named_and_the_others_are_done(data, tmp_path, capsys):
    (tmp_path / 'photos').mkdir()
    (tmp_path / 'photos/a.jpg').write_bytes(b'')
    cv2.imwrite(str(tmp_path / 'photos/b.jpg'), render(FACES[0]))
    assert run(tmp_path / 'photos', '--out', tmp_path / 'out') == 1
    assert 'a.jpg: unreadable photo (the file is empty)' in capsys.readouterr().out
    assert [entry['picture'] for entry in read(tmp_path / 'out', 'photos')] == ['b.jpg']
    photos = [data / 'photos' / name for name in ('2.png', '0.png')]
    assert run(*photos, '--out', tmp_path, '--boxes', '-10,-20,60,60') == 0
    entries = read(tmp_path, 'photos')
    assert [entry['picture'] for entry in entries] == ['2.png', '0.png']
    assert entries[0]['faces'][0]['box'] == [-10, -20, 60, 60]
    run(photos[1], data / 'photos/1.png', '--out', tmp_path)  # the earlier call's stay
    assert [entry['picture'] for entry in read(tmp_path, 'photos')] == ['2.png', '0.png', '1.png']


@pytest.mark.parametrize(
    ('words', 'reason'),
    [
        ('none.jpg', 'no such photo, folder or video'),
        ('0.png ../photos/0.png', 'several photos are named 0.png'),
        ('0.png --boxes 1,2,3', 'is no box; a box is x,y,w,h'),
        ('0.png --boxes 1,2,3,4 --out 1.png', 'no folder can be made'),
        ('. --out .', 'that is the folder of the photos'),
        ('0.png --show-heatmaps', '--show-heatmaps needs a config'),
        (f'0.png --model {MODEL} a.pth', 'a CHECKPOINT needs a config'),
    ],
)
def test_what_cannot_work_ends_in_one_line(data, tmp_path, monkeypatch, words, reason):
    monkeypatch.chdir(data / 'photos')
    words = words.split()
    words = words + ['--out', str(tmp_path)] * ('--out' not in words)
    with pytest.raises(SystemExit, match=f'^mhhn-landmarks: [^\n]*{reason}[^\n]*$'):
        main(words + ['--model', MODEL] * ('--model' not in words))


@pytest.mark.parametrize(
    'words',
    ['a --batch 0', 'a --max-frames 0', 'a --min-score 2', 'a --model a b c', '--model tiny a'],
)
def test_wrong_options(words, capsys):
    with pytest.raises(SystemExit, match='2'):
        main(words.split())
    assert ': error: ' in capsys.readouterr().err


IMPORTS = """
import atexit, runpy, sys, mhhn_landmarks
heavy = {'torch', 'mmpose', 'mmengine', 'mhhn_mmpose', 'matplotlib', 'scipy'}
print('cv2' in sys.modules)
atexit.register(lambda: print(heavy & {name.partition('.')[0] for name in sys.modules}))
runpy.run_module('mhhn_landmarks', run_name='__main__', alter_sys=True)
"""


def test_the_command_imports_neither_torch_nor_mmpose(data, tmp_path, uncovered_processes):
    words = [sys.executable, '-W', 'error', '-c', IMPORTS, str(data / 'photos/0.png')]
    words += ['--model', MODEL, '--out', str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, '')
    before, said, after = done.stdout.splitlines()
    assert (before, after) == ('False', 'set()') and said.startswith('1 face in 1 picture: ')
    words = [sys.executable, '-m', 'mhhn_landmarks', '--version']
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == f'mhhn-landmarks {__version__}\n'


def test_an_interruption_leaves_what_is_done(data, tmp_path, monkeypatch, capsys):
    real, count = batches.draw, []

    def draw(*args):
        count.append(1)
        if len(count) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return real(*args)

    monkeypatch.setattr(batches, 'draw', draw)
    run(data / 'photos', '--out', tmp_path, '--boxes', data / 'boxes.json', '--batch', 1)
    assert 'interrupted: writing what is done' in capsys.readouterr().out
    assert len(read(tmp_path, 'photos')) in (1, 2)
