"""Readers of archives: any content is read or refused."""

import tempfile
from pathlib import Path

import pytest
from dataset_converters.pts import read_pts
from hypothesis import example, given
from hypothesis import strategies as st

from mhhn_landmarks.errors import InputError


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Makes a new folder for every example."""
    root = tmp_path_factory.mktemp('examples')
    return lambda: Path(tempfile.mkdtemp(dir=root))


@given(text=st.text(max_size=200))
@example('version: 1\nn_points: 1\n{\n1e999 2\n}')
@example('version: 1\nn_points: 1\n{\n1 2\n}\n\x85')
def test_any_text_is_read_or_refused(folder, text):
    path = folder() / 'a.pts'
    path.write_bytes(text.encode('utf-8', 'surrogatepass'))
    try:
        points = read_pts(path, 1)
    except InputError as error:
        assert 'a.pts' in str(error)
    else:
        assert points.shape == (1, 2)
