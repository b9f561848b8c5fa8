import pytest
import torch
from mmpose.registry import MODELS

from mhhn_mmpose.models.backbones import MCGHourglass


def make_backbone(**arguments):
    torch.manual_seed(0)
    config = dict(type='MCGHourglass', num_stacks=3, feat_channels=8, depth=2)
    return MODELS.build({**config, **arguments})


def images(batch, height, width):
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(1))


def shared_weights(**arguments):
    """The backbone without attention, and another with the same weights."""
    plain, other = make_backbone(attention='none'), make_backbone(**arguments)
    missing, unexpected = other.load_state_dict(plain.state_dict(), strict=False)
    assert not unexpected and all(name.endswith('gamma') for name in missing)
    return plain.eval(), other.eval(), len(missing)


@pytest.mark.parametrize('attention', ['all', 'last', 'none'])
@pytest.mark.parametrize('size', [(64, 64), (72, 48), (100, 52), (36, 44)])
def test_one_feature_map_per_stack(size, attention):
    feats = make_backbone(attention=attention)(images(2, *size))
    assert [tuple(f.shape) for f in feats] == [(2, 8, size[0] // 4, size[1] // 4)] * 3


def test_odd_maps_pass_at_the_papers_depth():
    backbone = make_backbone(num_stacks=1, depth=4, feat_channels=12)
    (feature,) = backbone(images(2, 68, 92))  # 17 x 23: odd at the first halving already
    assert feature.shape == (2, 12, 17, 23)
    (feature,) = backbone(images(2, 36, 44))  # 9 x 11: four halvings, rounded down, leave nothing
    assert feature.shape == (2, 12, 9, 11)


def test_a_stack_adds_to_the_input_of_the_one_before():
    backbone, x = make_backbone().eval(), images(2, 40, 56)
    for merge in backbone.merges:
        torch.nn.init.zeros_(merge.weight), torch.nn.init.zeros_(merge.bias)
    p = backbone.stem(x)
    for feature, hourglass, out in zip(
        backbone(x), backbone.hourglasses, backbone.outs, strict=True
    ):
        torch.testing.assert_close(feature, out(hourglass(p)))


@pytest.mark.parametrize('size', [(64, 96), (88, 72)])
def test_stem_stride_8(size):
    feats = make_backbone(stem_stride=8, num_stacks=2)(images(3, *size))
    assert [tuple(f.shape) for f in feats] == [(3, 8, size[0] // 8, size[1] // 8)] * 2


@pytest.mark.parametrize('attention, count', [('all', 3), ('last', 1)])
def test_it_starts_as_the_hourglass_without_attention(attention, count):
    plain, other, gammas = shared_weights(attention=attention)
    assert gammas == count
    x = images(2, 40, 56)
    for found, expected in zip(other(x), plain(x), strict=True):
        assert torch.equal(found, expected)


def test_last_changes_the_last_stack_only():
    plain, other, _ = shared_weights(attention='last')
    torch.nn.init.constant_(other.attentions[-1].gamma, 0.5)
    x = images(2, 40, 56)
    equal = [torch.equal(a, b) for a, b in zip(plain(x), other(x), strict=True)]
    assert equal == [True, True, False]


def test_all_changes_every_stack():
    plain, other, _ = shared_weights(attention='all')
    torch.nn.init.constant_(other.attentions[0].gamma, 0.5)
    x = images(2, 40, 56)
    assert not any(torch.equal(a, b) for a, b in zip(plain(x), other(x), strict=True))


def test_every_parameter_learns():
    backbone = make_backbone()
    sum(feature.square().sum() for feature in backbone(images(2, 40, 56))).backward()
    gammas = [p for name, p in backbone.named_parameters() if name.endswith('gamma')]
    assert len(gammas) == 3 and all(gamma == 0 and gamma.grad != 0 for gamma in gammas)
    assert all(torch.isfinite(p.grad).all() for p in backbone.parameters())


def test_attention_scale():
    assert MCGHourglass(1, 8, 1).attentions[0].scale == 1
    assert MCGHourglass(1, 8, 1, attention_scale=None).attentions[0].scale == 0.25


@pytest.mark.parametrize(
    'argument',
    [
        dict(attention='first'),
        dict(num_stacks=0),
        dict(depth=0),
        dict(feat_channels=10),
        dict(feat_channels=0),
        dict(stem_stride=2),
    ],
)
def test_bad_arguments_are_named(argument):
    with pytest.raises(ValueError, match=next(iter(argument))):
        make_backbone(**argument)
