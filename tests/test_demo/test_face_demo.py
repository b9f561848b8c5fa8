"""demo/face_demo.py with random weights on generated faces."""

import csv
import json
import runpy

import cv2
import numpy as np
import pytest
import torch
from conftest import ROOT
from generated_faces import landmarks, random_face, render
from mmengine.config import Config

DEMO = runpy.run_path(str(ROOT / 'demo/face_demo.py'))
CONFIG = str(ROOT / 'configs/300w/td-hm_hgs-tiny_2xb8-30e_300w-128x128.py')
FACES = [random_face(i) for i in range(3)]


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Folder with `weights.pth`, `photos/`, `still.mp4` and `boxes.json`."""
    from mmpose.apis import init_model

    folder = tmp_path_factory.mktemp('demo')
    torch.manual_seed(0)
    model = init_model(Config.fromfile(CONFIG), device='cpu')
    torch.save(dict(state_dict=model.state_dict(), meta={}), folder / 'weights.pth')
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


def run(data, source, *arguments):
    weights = str(data / 'weights.pth')
    words = ['--config', CONFIG, '--checkpoint', weights, '--device', 'cpu', *arguments]
    DEMO['main']([str(source), *words])


def test_a_folder_of_photos(data, tmp_path, capsys):
    run(data, data / 'photos', '--out', str(tmp_path), '--boxes', str(data / 'boxes.json'),
        '--batch', '2')  # fmt: skip
    assert '6 faces in 3 pictures' in capsys.readouterr().out
    content = json.loads((tmp_path / 'photos.json').read_text())
    assert content['config'].startswith('td-hm_hgs-tiny') and len(content['pictures']) == 3
    assert [len(entry['faces']) for entry in content['pictures']] == [1, 2, 3]
    entry = content['pictures'][2]
    low, high = (f(landmarks(FACES[2], '300w'), axis=0) for f in (np.min, np.max))
    x, y, width, height = entry['faces'][0]['box']
    np.testing.assert_allclose([x + width / 2, y + height / 2], (low + high) / 2, atol=0.02)
    assert width == height == pytest.approx((high - low).max(), abs=0.02)
    assert entry['faces'][0]['landmarks'] == entry['faces'][2]['landmarks']
    with (tmp_path / 'photos.csv').open(newline='') as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6 * 68
    points = [[float(row['x']), float(row['y'])] for row in rows[-68:]]
    assert points == entry['faces'][2]['landmarks']
    assert rows[-1]['picture'] == '2.png' and rows[-1]['face'] == '2'
    drawn = cv2.imread(str(tmp_path / '2_landmarks.png'))
    photo = cv2.imread(str(data / 'photos/2.png'))
    assert drawn.shape == photo.shape and 0.001 < (drawn != photo).mean() < 0.3


def test_a_video_with_heatmaps(data, tmp_path):
    height, width = (size // 2 * 2 for size in render(FACES[0]).shape[:2])  # mp4's are even
    run(data, data / 'still.mp4', '--out', str(tmp_path), '--boxes', f'5,6,{width - 40},{height}',
        '--show-heatmaps', '--max-frames', '4', '--cfg-options',
        'model.head.decoder.type=SDTHeatmap')  # fmt: skip
    content = json.loads((tmp_path / 'still.json').read_text())
    assert [entry['seconds'] for entry in content['pictures']] == [0, 0.1, 0.2, 0.3]
    (path,) = tmp_path.glob('still_landmarks.*')
    video = cv2.VideoCapture(str(path))
    frames = 0
    while (found := video.read())[0]:
        assert found[1].shape == (height, 2 * width, 3)
        frames += 1
    assert frames == 4


def test_wrong_arguments_end_in_one_line(data, tmp_path, capsys):
    def refused(words, source, *arguments):
        with pytest.raises(SystemExit, match=f'^face_demo: .*{words}') as error:
            run(data, source, '--out', str(tmp_path / 'out'), *arguments)
        assert '\n' not in str(error.value)

    refused('no such photo, folder or video', 'none.jpg')
    refused('is no box; a box is x,y,w,h', data / 'photos', '--boxes', '1,2,3')
    (tmp_path / 'file').write_text('')
    (tmp_path / 'empty.jpg').write_bytes(b'')
    words = r'empty.jpg: unreadable photo \(the file is empty\); copy or unpack it again'
    refused(words, tmp_path / 'empty.jpg', '--boxes', '1,2,3,4')
    refused('no folder can be made', data / 'photos', '--boxes', '1,2,3,4',
            '--out', str(tmp_path / 'file'))  # fmt: skip
    refused('that is the folder of the photos', data / 'photos', '--out', str(data / 'photos'))
    refused('0.png: box 9000,1,2,3 is outside', data / 'photos', '--boxes', '9000,1,2,3')
    for arguments in (('--batch', '0'), ('--max-frames', '0')):
        with pytest.raises(SystemExit, match='2'):
            run(data, data / 'photos', *arguments)
    assert capsys.readouterr().err.count(': error: ') == 2


def test_a_missing_detector_is_named(data, monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'facenet_pytorch', None)
    with pytest.raises(
        SystemExit, match='face_demo: .* run: pip install --no-deps facenet-pytorch'
    ):
        run(data, data / 'photos')


def test_the_detector_finds_a_drawn_face(data, tmp_path):
    pytest.importorskip('facenet_pytorch', reason='pip install --no-deps -r requirements/demo.txt')
    from mhhn_landmarks.boxes import overlaps
    from mhhn_mmpose.apis.detector import build_detector

    picture, points = render(FACES[0]), landmarks(FACES[0], '300w')
    truth = np.r_[points.min(axis=0), points.max(axis=0)][None]
    found = build_detector('mtcnn', 68)(picture)
    assert overlaps(found[:1], truth).max() > 0.5
    larger = cv2.resize(picture, None, fx=3, fy=3)  # beyond what the network is shown
    found = build_detector('mtcnn', 68)(larger)
    assert overlaps(found[:1], 3 * truth).max() > 0.5
    assert len(build_detector('mtcnn', 68)(np.full((120, 90, 3), 99, np.uint8))) == 0
