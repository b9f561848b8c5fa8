"""What docs/reliability.md says of a CPU: the same seed gives the same weights, bit by bit."""

import random

import numpy as np
import torch
from small_training import small_config, train


def weights(root, work_dir, seed=0, **arguments):
    cfg = small_config(root, work_dir, epochs=1, **arguments)
    cfg.randomness = dict(seed=seed)
    return train(cfg).model.state_dict()


def same(first, second):
    return all(torch.equal(a, b) for a, b in zip(first.values(), second.values(), strict=True))


def test_the_same_seed_gives_the_same_weights(generated_300w, tmp_path):
    """After three steps of faces in random order, flipped, turned and coloured by two workers.

    What was drawn before does not matter.
    """
    first = weights(generated_300w, tmp_path / 'a', workers=2)
    torch.rand(7), np.random.rand(7), random.random()
    assert same(first, weights(generated_300w, tmp_path / 'b', workers=2))
    assert not same(first, weights(generated_300w, tmp_path / 'c', workers=2, seed=1))
