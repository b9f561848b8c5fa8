"""Held-out faces: persons stay together, photos without persons spread, odd sets are refused."""

import json

import pytest
from conftest import run_tool


@pytest.fixture
def split(tmp_path, monkeypatch):
    """Splits a training file of these names: the names of both parts, or the message."""

    def run(names, *arguments):
        content = dict(
            categories=[dict(id=1)],
            images=[dict(id=7 + i, file_name=name) for i, name in enumerate(names)],
            annotations=[dict(id=i, image_id=7 + i) for i in range(len(names))],
        )
        path = tmp_path / 'train.json'
        path.write_text(json.dumps(content))
        if status := run_tool(monkeypatch, 'misc/hold_out.py', path, *arguments):
            assert not list(tmp_path.glob('train_*'))
            return str(status)
        parts = []
        for part in ('fit', 'dev'):
            content = json.loads((tmp_path / f'train_{part}.json').read_text())
            photos = {image['id']: image['file_name'] for image in content['images']}
            assert [a['image_id'] for a in content['annotations']] == list(photos)
            assert content['categories'] == [dict(id=1)]
            parts.append(list(photos.values()))
        assert sorted(parts[0] + parts[1]) == sorted(names)
        return parts

    return run


def test_persons_stay_together(split):
    parts = split([f'afw/{person}_{i}.jpg' for person in range(40) for i in range(3)])
    fit, dev = ({name.split('_')[0] for name in part} for part in parts)
    assert fit and dev and not fit & dev


@pytest.mark.parametrize('name', ['lfpw/trainset/image_{:04d}.png', 'frame_{:06d}.jpg', '{}.jpg'])
def test_numbers_of_a_folder_are_no_persons(split, name):
    _, dev = split([name.format(i) for i in range(1, 121)])
    assert 12 <= len(dev) <= 28


def test_odd_sets_are_refused(split):
    frames = [f'frame_{i}.jpg' for i in range(1, 31)]
    assert "30 of 30 faces count as one person, 'frame'" in split(frames)
    assert 'would be in one part' in split(['a.jpg', 'b.jpg', 'c.jpg', 'd.jpg'], '--parts', '99')
    fit, dev = split(frames, '--by-photo', '--parts', '3')
    assert fit and dev
