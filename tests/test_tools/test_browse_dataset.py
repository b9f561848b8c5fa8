"""tools/misc/browse_dataset.py on a config that names its base in this package, and on the name."""

import cv2
import pytest
from conftest import run_tool


@pytest.mark.parametrize('own', [True, False])
def test_inputs_are_drawn_with_their_targets(own, generated_300w, tmp_path, monkeypatch):
    name = 'mhhn_mmpose::300w/td-hm_hgs-hsr-tiny_2xb8-30e_300w-128x128.py'
    (tmp_path / 'own.py').write_text(f'_base_ = [{name!r}]\n')
    words = [tmp_path / 'own.py' if own else name, '--output-dir', tmp_path / 'out', '--not-show']
    words += ['--max-item-per-dataset', 2, '--cfg-options']
    words += [f'train_dataloader.dataset.data_root={generated_300w}/']
    assert not run_tool(monkeypatch, 'misc/browse_dataset.py', *words)
    pictures = [cv2.imread(str(file)) for file in (tmp_path / 'out').iterdir()]
    assert [picture.shape for picture in pictures] == [(256, 128, 3)] * 2  # targets below
    assert min(picture[128:].std() for picture in pictures) > 20
