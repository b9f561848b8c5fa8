"""The command `mhhn-landmarks` with ONNX; with PyTorch see test_apis/test_aligner.py."""

import csv
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
    picture = render(FACES[0])
    code = cv2.VideoWriter_fourcc(*'mp4v')
    video = cv2.VideoWriter(str(folder / 'still.mp4'), code, 10, picture.shape[1::-1])
    for _ in range(5):
        video.write(picture)
    video.release()
    return folder


def run(source, *arguments):
    return main([str(source), '--model', MODEL, *map(str, arguments)])


def read(folder, name):
    return json.loads((folder / f'{name}.json').read_text())['pictures']


def test_a_folder_with_given_boxes(data, tmp_path, capsys):
    boxes = data / 'boxes.json'
    assert run(data / 'photos', '--out', tmp_path, '--boxes', boxes, '--batch', 2) == 0
    assert '6 faces in 3 pictures' in capsys.readouterr().out
    entries = read(tmp_path, 'photos')
    assert [len(entry['faces']) for entry in entries] == [1, 2, 3]
    low, high = (f(landmarks(FACES[2], '300w'), axis=0) for f in (np.min, np.max))
    x, y, width, height = entries[2]['faces'][0]['box']
    np.testing.assert_allclose([x + width / 2, y + height / 2], (low + high) / 2, atol=0.02)
    assert width == height == pytest.approx((high - low).max(), abs=0.02)
    with (tmp_path / 'photos.csv').open(newline='') as file:
        rows = list(csv.DictReader(file))
    points = [[float(row['x']), float(row['y'])] for row in rows[-68:]]
    assert points == entries[2]['faces'][2]['landmarks'] and len(rows) == 6 * 68
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


@pytest.mark.parametrize('box', [['-10,-20,60,60'], [-10, -20, 60, 60]])
def test_a_box_may_begin_outside(data, tmp_path, capsys, box):
    run(data / 'photos/0.png', '--out', tmp_path, '--boxes', *box)
    assert read(tmp_path, '0')[0]['faces'][0]['box'] == [-10, -20, 60, 60]
    files = ', '.join(str(tmp_path / name) for name in ('0_landmarks.png', '0.json', '0.csv'))
    assert capsys.readouterr().out == f'1 face in 1 picture: {files}\n'


def test_one_bad_photo_is_named_and_the_others_are_done(data, tmp_path, capsys):
    (tmp_path / 'photos').mkdir()
    (tmp_path / 'photos/a.jpg').write_bytes(b'')
    cv2.imwrite(str(tmp_path / 'photos/b.jpg'), render(FACES[0]))
    assert run(tmp_path / 'photos', '--out', tmp_path / 'out') == 1
    assert 'a.jpg: unreadable photo (the file is empty)' in capsys.readouterr().out
    assert [entry['picture'] for entry in read(tmp_path / 'out', 'photos')] == ['b.jpg']


def test_several_photos(data, tmp_path):
    photos = [str(data / 'photos' / name) for name in ('2.png', '0.png')]
    options = ['--model', MODEL, '--out', str(tmp_path)]
    assert main([*photos, *options]) == 0
    assert [entry['picture'] for entry in read(tmp_path, 'photos')] == ['2.png', '0.png']
    assert main([photos[1], str(data / 'photos/1.png'), *options]) == 0
    assert [entry['picture'] for entry in read(tmp_path, 'photos')] == ['2.png', '0.png', '1.png']
    with pytest.raises(SystemExit, match='several photos are named 2.png'):
        main([photos[0], *photos, *options])
    with pytest.raises(SystemExit, match='none.png: no such photo or folder'):
        main([*photos, 'none.png', *options])


def test_wrong_arguments_end_in_one_line(data, tmp_path, capsys):
    photo = data / 'photos/0.png'

    def refused(words, source, *arguments):
        with pytest.raises(SystemExit, match=f'^mhhn-landmarks: .*{words}') as error:
            run(source, '--out', tmp_path / 'out', *arguments)
        assert '\n' not in str(error.value)

    refused('no such photo, folder or video', 'none.jpg')
    refused('is no box; a box is x,y,w,h', photo, '--boxes', '1,2,3')
    (tmp_path / 'file').write_text('')
    refused('no folder can be made', photo, '--boxes', '1,2,3,4', '--out', tmp_path / 'file')
    refused('that is the folder of the photos', data / 'photos', '--out', data / 'photos')
    refused('--show-heatmaps needs a config', photo, '--show-heatmaps')
    refused('a CHECKPOINT needs a config', photo, '--model', MODEL, 'a.pth')
    refused('none.py: no such config file', photo, '--model', 'none.py', 'none.pth')
    wrong = (
        ('--batch', 0),
        ('--max-frames', 0),
        ('--min-score', 2),
        ('--model', 'a', 'b', 'c'),
        ('--model', 'tiny', 'a'),
    )
    for arguments in wrong:
        with pytest.raises(SystemExit, match='2'):
            run(photo, *arguments)
    with pytest.raises(SystemExit, match='2'):
        main(['--model', 'tiny', 'a.jpg'])
    assert capsys.readouterr().err.count(': error: ') == 6


def test_the_command_imports_neither_torch_nor_mmpose(data, tmp_path, uncovered_processes):
    code = (
        'import sys; from mhhn_landmarks.cli import main; main();'
        "print(sorted({name.partition('.')[0] for name in sys.modules}"
        " & {'torch', 'mmpose', 'mmengine', 'mhhn_mmpose', 'matplotlib', 'scipy'}))"
    )
    words = [sys.executable, '-W', 'error', '-c', code, str(data / 'photos/0.png')]
    words += ['--model', MODEL, '--out', str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == '[]' and done.stderr == ''


def test_the_module_is_the_command(data, tmp_path, uncovered_processes):
    def answer(*words):
        words = [sys.executable, '-W', 'error', *map(str, words)]
        return subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=True).stdout

    assert answer('-m', 'mhhn_landmarks', '--version') == f'mhhn-landmarks {__version__}\n'
    photo = data / 'photos/0.png', '--model', MODEL, '--out', tmp_path
    assert answer('-m', 'mhhn_landmarks', *photo).startswith('1 face in 1 picture: ')
    code = "import sys, mhhn_landmarks as m; print('cv2' in sys.modules, m.OnnxAligner.__name__)"
    assert answer('-c', code) == 'False OnnxAligner\n'


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
