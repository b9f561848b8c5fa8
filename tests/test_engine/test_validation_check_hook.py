"""A training ends before its first step where its first validation would fail."""

import json

import pytest
from conftest import TINY
from mmengine.config import Config
from small_training import small_config, train

from mhhn_landmarks.errors import InputError

WITHOUT_ID = ('img_path', 'flip_indices', 'input_size', 'input_center', 'input_scale')
VALID = 'annotations/face_landmarks_300w_valid.json'


def config(data, folder) -> Config:
    """Of `small_config`, with the leaf's validation."""
    cfg, leaf = small_config(data, folder / 'run', epochs=1), Config.fromfile(TINY)
    cfg.val_cfg, cfg.val_dataloader = leaf.val_cfg, leaf.val_dataloader
    cfg.val_dataloader.update(num_workers=0, persistent_workers=False)
    cfg.val_dataloader.dataset.data_root = str(data)
    cfg.val_evaluator = dict(leaf.val_evaluator, ann_file=str(data / VALID))
    cfg.default_hooks.checkpoint = dict(leaf.default_hooks.checkpoint)
    cfg.default_hooks.validation_check = dict(type='ValidationCheckHook')
    return cfg


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'val_evaluator.ann_file': 'gone.json'}, 'gone.json: no COCO-style annotations'),
        ({'val_evaluator.normalizers': ['iod']}, "no normaliser 'iod' for dataset '300w'"),
        ({'default_hooks.checkpoint.save_best': 'a/NME'}, "no score 'a/NME'; it has challenge/"),
        ({'val_dataloader.dataset.pipeline.3.meta_keys': WITHOUT_ID}, "a sample has no 'id'"),
    ],
    ids=['file', 'normaliser', 'save_best', 'id'],
)
def test_what_would_fail(change, message, generated_300w, tmp_path):
    cfg = config(generated_300w, tmp_path)
    cfg.merge_from_dict(change)
    with pytest.raises(InputError, match=message):
        train(cfg)
    assert not list((tmp_path / 'run').glob('*.pth'))


def test_a_face_that_only_the_metric_does_not_know(generated_300w, tmp_path):
    """The last of the set, which no batch of two has."""
    content = json.loads((generated_300w / VALID).read_text())
    content['annotations'].pop()
    (tmp_path / 'fewer.json').write_text(json.dumps(content))
    cfg = config(generated_300w, tmp_path)
    cfg.val_evaluator.ann_file = str(tmp_path / 'fewer.json')
    with pytest.raises(InputError, match="not in ann_file '"):
        train(cfg)


def test_the_check_changes_nothing(generated_300w, tmp_path):
    cfg = config(generated_300w, tmp_path)
    cfg.default_hooks.checkpoint.save_best = 'challenge/inter_ocular/NME'
    checked = train(cfg)
    cfg.default_hooks.pop('validation_check')
    cfg.work_dir = cfg.experiment_name = str(tmp_path / 'other')
    other = train(cfg)
    for name, weight in checked.model.state_dict().items():
        assert weight.equal(other.model.state_dict()[name])
    hubs = (runner.message_hub for runner in (checked, other))
    first, second = (hub.get_scalar('val/full/inter_ocular/NME').current() for hub in hubs)
    assert first == second
