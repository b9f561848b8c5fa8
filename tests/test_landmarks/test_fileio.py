import os
import stat

import pytest

from mhhn_landmarks.fileio import write_bytes, write_json_files


def test_json_files_are_written_all_or_none(tmp_path):
    good, bad = tmp_path / 'a.json', tmp_path / 'b.json'
    good.write_text('"old"')
    with pytest.raises(ValueError):
        write_json_files({good: 'new', bad: [float('nan')]})
    assert good.read_text() == '"old"'
    assert sorted(p.name for p in tmp_path.iterdir()) == ['a.json']
    write_json_files({good: 'new'})
    assert good.read_text() == '"new"'


def test_a_drive_without_modes_and_folder_syncing_will_do(tmp_path, monkeypatch):
    """As memory sticks and network drives are."""
    fsync = os.fsync

    def refuse(*_):
        raise PermissionError(1, 'Operation not permitted')

    monkeypatch.setattr(os, 'chmod', refuse)
    monkeypatch.setattr(
        os, 'fsync', lambda file: refuse() if stat.S_ISDIR(os.fstat(file).st_mode) else fsync(file)
    )
    write_bytes(tmp_path / 'a', b'new')
    assert (tmp_path / 'a').read_bytes() == b'new' and len(list(tmp_path.iterdir())) == 1
