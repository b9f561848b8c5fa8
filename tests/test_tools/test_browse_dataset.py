"""tools/misc/browse_dataset.py on a config that names its base in this package."""

import cv2
from conftest import run_tool


def test_inputs_are_drawn_with_their_targets(generated_300w, tmp_path, monkeypatch):
    config = tmp_path / 'config.py'
    base = 'mhhn_mmpose::300w/td-hm_hgs-hsr-tiny_2xb8-30e_300w-128x128.py'
    data = f"dict(data_root='{generated_300w}/')"
    config.write_text(f'_base_ = [{base!r}]\ntrain_dataloader = dict(dataset={data})\n')
    arguments = [config, '--output-dir', tmp_path / 'out', '--not-show']
    run = run_tool(monkeypatch, 'misc/browse_dataset.py', *arguments, '--max-item-per-dataset', 2)
    assert not run
    pictures = [cv2.imread(str(file)) for file in (tmp_path / 'out').iterdir()]
    assert [picture.shape for picture in pictures] == [(256, 128, 3)] * 2  # targets below
    assert min(picture[128:].std() for picture in pictures) > 20
