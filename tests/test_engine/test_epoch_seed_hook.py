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


def test_epochs_and_workers_draw_differently(tmp_path):
    batches = train(tmp_path, epochs=2).record.batches
    drawn = torch.cat([torch.cat(of_epoch)[:, 1:] for of_epoch in batches.values()])
    assert drawn.shape == (10, 3)
    assert len(drawn.unique()) == 30
