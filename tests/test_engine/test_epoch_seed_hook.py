"""A resumed run draws what the uninterrupted one drew."""

import pytest
import torch
from toy_training import NUM_EPOCHS, train


@pytest.mark.parametrize('workers', [0, 2])
def test_resumed_run_is_equal_bit_by_bit(tmp_path, workers):
    whole = train(tmp_path / 'whole', workers=workers)
    train(tmp_path / 'cut', workers=workers, epochs=3)
    resumed = train(tmp_path / 'cut', workers=workers, resume=tmp_path / 'cut/epoch_3.pth')

    assert sorted(resumed.record.batches) == list(range(3, NUM_EPOCHS))
    for epoch, batches in resumed.record.batches.items():
        assert all(map(torch.equal, batches, whole.record.batches[epoch]))
    ends = [runner.model.state_dict() for runner in (whole, resumed)]
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_epochs_workers_and_seeds_draw_differently(tmp_path):
    runs = [train(tmp_path / str(seed), epochs=2, seed=seed).record for seed in (3, 4)]
    drawn = [torch.cat(batches)[:, 1:] for run in runs for batches in run.batches.values()]
    assert len(torch.cat(drawn).unique()) == torch.cat(drawn).numel() == 60
