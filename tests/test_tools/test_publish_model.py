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


@pytest.fixture(scope='module')
def published(trained, tmp_path_factory) -> dict:
    """Paths of the published checkpoints, at full and at half precision."""
    out = tmp_path_factory.mktemp('out')
    with pytest.MonkeyPatch.context() as patch:
        for folder, flags in (('full', ()), ('half', ('--half',))):
            assert not publish(patch, trained, out / folder / 'mhhn.pth', *flags)
    return {folder: next((out / folder).iterdir()) for folder in ('full', 'half')}


def publish(monkeypatch, *arguments):
    return run_tool(monkeypatch, 'misc/publish_model.py', *arguments)


def test_weights_and_what_init_model_reads_are_left_under_a_name_with_their_hash(
    trained, published, tmp_path, monkeypatch
):
    before = load(trained)
    assert {'optimizer', 'message_hub', 'ema_state_dict'} < set(before) and 'cfg' in before['meta']
    for path in published.values():
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
        assert path.name == f'mhhn-{digest}.pth'
        after = load(path)
        assert set(after) == {'meta', 'state_dict'}
        assert set(after['meta']) == {'dataset_meta', 'epoch', 'iter', 'mmengine_version'}
        assert str(trained.parent).encode() not in path.read_bytes()
    full, half = (published[name].stat().st_size for name in ('full', 'half'))
    assert half < 0.7 * full < 0.3 * trained.stat().st_size
    assert not publish(monkeypatch, trained, tmp_path / 'other.pth')
    (second,) = tmp_path.iterdir()
    assert second.name == published['full'].name.replace('mhhn', 'other')


def test_the_averaged_weights_are_published_in_half_precision_if_asked(trained, published):
    before = load(trained)
    full, half = (load(published[name])['state_dict'] for name in ('full', 'half'))
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
        (
            dict(state_dict=dict(w=torch.tensor([7e4]))),
            ('--half',),
            'the weight w is not finite in half precision; leave out --half',
        ),
        (dict(state_dict=dict(w=torch.tensor([7e4]), n=torch.tensor(70000))), (), None),
    ],
)
def test_what_is_no_checkpoint_is_refused_in_one_line(tmp_path, monkeypatch, content, flags, said):
    """Code in it, or no weights: test_apis/test_loading.py."""
    path = tmp_path / 'in.pth'
    torch.save(content, path)
    status = publish(monkeypatch, path, tmp_path / 'out' / 'mhhn.pth', *flags)
    assert (tmp_path / 'out').exists() == (said is None)
    assert not said or status.startswith(f'publish_model: {path}: {said}') and '\n' not in status
