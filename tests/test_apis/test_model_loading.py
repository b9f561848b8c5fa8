"""`load_model`: all weights of the very model, or one line that says what differs."""

import pytest
import torch
from conftest import ROOT, SMALL
from mmengine.config import Config

import mhhn_mmpose  # noqa: F401  (lets mmpose.models import on mmcv-lite)
from mhhn_landmarks.errors import InputError
from mhhn_mmpose.apis.model_loading import check_landmarks, load_config, load_model

HGS, MHHN = (
    ROOT / f'configs/300w/td-hm_{n}-tiny_2xb8-30e_300w-128x128.py' for n in ('hgs', 'mhhn')
)


def small(config=HGS, options=SMALL) -> Config:
    cfg = Config.fromfile(config)
    cfg.merge_from_dict({**SMALL, **options})
    return cfg


@pytest.fixture(scope='module')
def weights():
    return load_model(small()).state_dict()


META = dict(dataset_meta=dict(dataset_name='mine'))


def save(path, content) -> str:
    torch.save(content, path)
    return str(path)


def refusal(config, checkpoint, device='cpu') -> str:
    with pytest.raises(InputError) as caught:
        load_model(config, checkpoint, device)
    message = str(caught.value)
    assert '\n' not in message
    return message


@pytest.mark.parametrize('form', ['mmengine', 'bare', 'distributed', 'half'])
def test_weights_are_loaded_in_every_form(form, weights, tmp_path):
    state = {'module.' * (form == 'distributed') + name: w for name, w in weights.items()}
    if form == 'half':
        state = {name: w.half() if w.is_floating_point() else w for name, w in state.items()}
    content = dict(state_dict=state, meta=META) if form == 'mmengine' else state
    cfg = small()
    before = cfg.pretty_text
    model = load_model(cfg, save(tmp_path / 'a.pth', content))
    for name, weight in model.state_dict().items():
        torch.testing.assert_close(weight, weights[name], rtol=1e-3 * (form == 'half'), atol=1e-6)
    assert not model.training
    assert model.dataset_meta['dataset_name'] == ('mine' if form == 'mmengine' else '300w')
    assert cfg.pretty_text == before


WIDE = {'model.backbone.feat_channels': 16, 'model.head.in_channels': 16}


@pytest.mark.parametrize(
    ('config', 'options', 'more', 'difference'),
    [
        (MHHN, {}, {}, '(lacks backbone.attentions.0.gamma);'),
        (HGS, {}, {'head.extra': torch.zeros(2)}, '(has besides head.extra);'),
        (HGS, WIDE, {}, '(other shapes: backbone.'),
        (HGS, {'model.head.out_channels': 5}, {}, '(68 landmarks, not 5; other shapes: head.'),
    ],
    ids=['lacks', 'more', 'shapes', 'landmarks'],
)
def test_weights_of_another_model_are_refused(config, options, more, difference, weights, tmp_path):
    path = save(tmp_path / 'a.pth', weights | more)
    message = refusal(small(config, options), path)
    assert message.startswith(f'{path}: weights of another model than {config} {difference}')
    assert message.endswith('; give the config that the checkpoint was trained with')


@pytest.mark.parametrize(
    ('content', 'reason'),
    [
        ([1, 2], 'no checkpoint, it holds a list'),
        (dict(state_dict={}), 'no weights in it'),
        (dict(weights=3), 'no weights in it'),
        (b'half a file', 'unreadable (no file of torch.save)'),
        (dict(w=torch.tensor([1.0, torch.nan])), 'the weight w is not finite'),
        (None, 'no such checkpoint file'),
    ],
    ids=['list', 'empty', 'other', 'damaged', 'nan', 'missing'],
)
def test_what_is_no_checkpoint(content, reason, tmp_path):
    path = tmp_path / 'a.pth'
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    assert refusal(small(), path).startswith(f'{path}: {reason}')


@pytest.mark.parametrize(
    ('text', 'reason'),
    [
        (None, 'no such config file'),
        ('model = dict(', 'no valid config ('),
        ("_base_ = ['gone.py']", 'no valid config ('),
        ('a = 1', 'no config of a model'),
        ("model = dict(type='FasterRCNN')", "no pose model ('FasterRCNN is not in the"),
    ],
    ids=['missing', 'syntax', 'base', 'other', 'detector'],
)
def test_what_is_no_config(text, reason, tmp_path):
    path = tmp_path / 'c.py'
    if text is not None:
        path.write_text(text)
    assert refusal(path, None).startswith(f'{path}: {reason}')


def test_a_device_and_a_config_by_their_names():
    assert load_config(f'mhhn_mmpose::300w/{HGS.name}').codec == load_config(HGS).codec
    assert 'device xpu:7: cannot be used (' in refusal(small(), None, 'xpu:7')


def test_a_lost_metainfo_is_taken_from_the_checkpoint(weights, tmp_path):
    cfg = small(HGS, {'train_dataloader.dataset.metainfo': dict(from_file='gone.py')})
    assert 'its metainfo is missing' in refusal(cfg, None)
    model = load_model(cfg, save(tmp_path / 'a.pth', dict(state_dict=weights, meta=META)))
    assert model.dataset_meta == dict(dataset_name='mine')


@pytest.mark.parametrize(
    'name',
    [
        'body_3d_keypoint/motionbert/h36m/motionbert_dstformer-243frm_8xb32-240e_h36m.py',
        'fashion_2d_keypoint/topdown_heatmap/deepfashion/'
        'td-hm_res50_8xb64-210e_deepfashion_full-256x192.py',
    ],
)
def test_models_whose_landmarks_the_config_does_not_number(name):
    check_landmarks(load_config(f'mmpose::{name}'), 'train', 'val')
