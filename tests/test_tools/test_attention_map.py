"""What tools/analysis/attention_map.py measures."""

import numpy as np
import pytest
import torch
from analysis.attention_map import measure

from mhhn_mmpose.models.backbones.mcg_hourglass import MultiOrderAttention


def test_even_attention():
    """Equal positions share everything: the entropy is ln N, no position stands out."""
    module = MultiOrderAttention(channels=3)
    module.gamma.data.fill_(0.5)
    p, o = torch.ones(2, 3, 2, 5), torch.full((2, 3, 2, 5), 2.0)
    measures, weights = measure(module, p, o)
    assert measures == {
        'gamma': 0.5,
        'std of Z': pytest.approx(0, abs=1e-9),
        'entropy': pytest.approx(np.log(10)),
        'even': pytest.approx(np.log(10)),
        'largest weight': pytest.approx(0.1),
        'positions': pytest.approx(10),
        'added / O': pytest.approx(0.5),  # softmax(Z) O is O here
    }
    assert weights.shape == (2, 5, 2, 5)
    o[..., 1, 3] = 50  # a position of large norm receives the attention of every other
    found, weights = measure(module, p, o)
    assert found['entropy'] < 1e-6 and found['positions'] == pytest.approx(1, abs=1e-4)
    assert weights[0, 0].argmax() == 1 * 5 + 3
