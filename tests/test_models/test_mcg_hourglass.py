import pytest
import torch
from mmpose.registry import MODELS

from mhhn_mmpose.models import MCGHourglass


def make_backbone(**arguments):
    torch.manual_seed(0)
    config = dict(type='MCGHourglass', num_stacks=3, feat_channels=8, depth=2)
    return MODELS.build({**config, **arguments})


def images(batch, height, width):
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    'size, stride, arguments',
    [
        ((72, 48), 4, dict(attention='last')),
        ((100, 52), 4, dict(attention='none')),
        ((64, 96), 8, dict(stem_stride=8)),
        # At the default depth: odd at the first halving already; and where four leave nothing.
        ((68, 92), 4, dict(depth=4)),
        ((36, 44), 4, dict(depth=4)),
    ],
)
def test_one_feature_map_per_stack(size, stride, arguments):
    feats = make_backbone(**arguments)(images(2, *size))
    assert [tuple(f.shape) for f in feats] == [(2, 8, size[0] // stride, size[1] // stride)] * 3


def test_a_stack_adds_to_the_input_of_the_one_before():
    backbone, x = make_backbone().eval(), images(2, 40, 56)
    for merge in backbone.merges:
        torch.nn.init.zeros_(merge.weight), torch.nn.init.zeros_(merge.bias)
    p, features = backbone.stem(x), backbone(x)
    for feature, hourglass, out in zip(features, backbone.hourglasses, backbone.outs, strict=True):
        torch.testing.assert_close(feature, out(hourglass(p)))


@pytest.mark.parametrize(
    'attention, unchanged', [('all', [False] * 3), ('last', [True, True, False])]
)
def test_it_starts_as_the_hourglass_without_attention(attention, unchanged):
    plain, other = make_backbone(attention='none'), make_backbone(attention=attention)
    missing, unexpected = other.load_state_dict(plain.state_dict(), strict=False)
    assert not unexpected and len(missing) == unchanged.count(False)
    assert all(name.endswith('gamma') for name in missing)
    x, plain, other = images(2, 40, 56), plain.eval(), other.eval()
    assert all(map(torch.equal, other(x), plain(x)))
    gammas = [p for name, p in other.named_parameters() if name.endswith('gamma')]
    torch.nn.init.constant_(gammas[0], 0.5)
    assert [torch.equal(a, b) for a, b in zip(plain(x), other(x), strict=True)] == unchanged
    sum(feature.square().sum() for feature in other.train()(x)).backward()
    assert all(gamma.grad != 0 for gamma in gammas)


def test_attention_scale():
    assert MCGHourglass(1, 8, 1).attentions[0].scale == 1
    assert MCGHourglass(1, 8, 1, attention_scale=None).attentions[0].scale == 0.25


def test_bad_arguments_are_named():
    bad = dict(attention='first', num_stacks=0, depth=0, feat_channels=10, stem_stride=2)
    for name, value in bad.items():
        with pytest.raises(ValueError, match=name):
            make_backbone(**{name: value})
