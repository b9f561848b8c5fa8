import pytest

from mhhn_landmarks.fileio import write_json_files


def test_json_files_are_written_all_or_none(tmp_path):
    good, bad = tmp_path / 'a.json', tmp_path / 'b.json'
    good.write_text('"old"')
    with pytest.raises(ValueError):
        write_json_files({good: 'new', bad: [float('nan')]})
    assert good.read_text() == '"old"'
    assert sorted(p.name for p in tmp_path.iterdir()) == ['a.json']
    write_json_files({good: 'new'})
    assert good.read_text() == '"new"'
