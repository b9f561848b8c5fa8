"""What several tests share: a small generated 300W, converted."""

from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _one_thread():
    """Two threads on a shared machine wait for each other longer than they work."""
    torch.set_num_threads(1)


@pytest.fixture(scope='session')
def generated_300w(tmp_path_factory) -> Path:
    """Folder with `annotations/` and `images/` of 12 training, 6 Common and 3 Challenge faces."""
    from mhhn_mmpose.datasets.converters import convert_300w
    from mhhn_mmpose.datasets.generated_faces import write_300w_archive

    folder = tmp_path_factory.mktemp('generated')
    write_300w_archive(folder / 'archive', num_train=12, num_common=6, num_challenge=3)
    _, problems = convert_300w(folder / 'archive', folder / '300w')
    assert not problems.errors
    return folder / '300w'
