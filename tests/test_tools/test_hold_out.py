import json
import subprocess
import sys

from conftest import ROOT


def test_persons_stay_together_and_nothing_is_lost(tmp_path):
    names = [f'afw/{person}_{i}.jpg' for person in range(40) for i in range(3)]
    content = dict(
        categories=[dict(id=1)],
        images=[dict(id=7 + i, file_name=name) for i, name in enumerate(names)],
        annotations=[dict(id=i, image_id=7 + i) for i in range(len(names))],
    )
    path = tmp_path / 'train.json'
    path.write_text(json.dumps(content))
    subprocess.run([sys.executable, ROOT / 'tools/misc/hold_out.py', path], check=True)
    fit, dev = (
        json.loads((tmp_path / f'train_{part}.json').read_text()) for part in ('fit', 'dev')
    )
    persons = [{i['file_name'].split('_')[0] for i in part['images']} for part in (fit, dev)]
    assert persons[0] and persons[1]
    assert not persons[0] & persons[1]
    assert sorted(i['file_name'] for p in (fit, dev) for i in p['images']) == sorted(names)
    for part in (fit, dev):
        assert [a['image_id'] for a in part['annotations']] == [i['id'] for i in part['images']]
        assert part['categories'] == content['categories']
