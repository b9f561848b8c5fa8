"""tools/misc/publish_model.py on the checkpoint of a short training, and on what is none."""

import hashlib

import pytest
import torch
from conftest import run_tool
from small_training import small_config, train


def load(path) -> dict:
    return torch.load(path, map_location='cpu', weights_only=True)


@pytest.fixture(scope='module')
def trained(generated_300w, tmp_path_factory):
    """The checkpoint of a small model after an epoch, with averaged weights."""
    folder = tmp_path_factory.mktemp('trained')
    cfg = small_config(generated_300w, folder, epochs=1)
    cfg.model.backbone.feat_channels = cfg.model.head.in_channels = 48
    cfg.custom_hooks = [dict(type='EMAHook', momentum=0.5)]
    train(cfg)
    return folder / 'epoch_1.pth'


def publish(monkeypatch, *arguments):
    return run_tool(monkeypatch, 'misc/publish_model.py', *arguments)


def test_the_averaged_weights_are_left_under_a_name_with_their_hash(trained, tmp_path, monkeypatch):
    before, weights, sizes = load(trained), [], [trained.stat().st_size]
    assert {'optimizer', 'message_hub', 'ema_state_dict'} < set(before) and 'cfg' in before['meta']
    for folder, *flags in (('full',), ('half', '--half')):
        assert not publish(monkeypatch, trained, tmp_path / folder / 'mhhn.pth', *flags)
        (path,) = (tmp_path / folder).iterdir()
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
        assert path.name == f'mhhn-{digest}.pth'
        after = load(path)
        assert set(after) == {'meta', 'state_dict'}
        assert set(after['meta']) == {'dataset_meta', 'epoch', 'iter', 'mmengine_version'}
        assert str(trained.parent).encode() not in path.read_bytes()
        weights.append(after['state_dict'])
        sizes.append(path.stat().st_size)
    assert sizes[2] < 0.7 * sizes[1] < 0.3 * sizes[0]
    full, half = weights
    assert list(full) == list(before['state_dict'])
    for name, weight in before['state_dict'].items():
        assert torch.equal(full[name], weight), name
        expected = torch.float16 if weight.is_floating_point() else weight.dtype
        assert half[name].dtype == expected, name
        torch.testing.assert_close(half[name].to(weight.dtype), weight, rtol=1e-3, atol=1e-6)
    # MMEngine swaps them when it saves; these are the ones last trained.
    last = before['ema_state_dict']['module.head.multi_final_layers.0.weight']
    assert not torch.equal(full['head.multi_final_layers.0.weight'], last)


@pytest.mark.parametrize(
    ('content', 'flags', 'said'),
    [
        ({'head.weight': torch.zeros(2, 3)}, (), "no tensors under 'state_dict'"),
        (dict(state_dict=dict(w=torch.tensor([1.0, torch.nan]))), (), 'the weight w is not finite'),
        (dict(state_dict=dict(w=torch.tensor([7e4]))), ('--half',), 'the weight w is not finite'),
    ],
)
def test_what_is_no_checkpoint_is_refused_in_one_line(tmp_path, monkeypatch, content, flags, said):
    """Code in it, or no weights: test_apis/test_loading.py."""
    path = tmp_path / 'in.pth'
    torch.save(content, path)
    status = publish(monkeypatch, path, tmp_path / 'out' / 'mhhn.pth', *flags)
    assert not (tmp_path / 'out').exists()
    assert status.startswith(f'publish_model: {path}: {said}') and '\n' not in status
