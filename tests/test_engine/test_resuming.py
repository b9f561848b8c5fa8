"""Which checkpoint a run goes on from."""

import os

import pytest
import torch

from mhhn_landmarks.errors import InputError
from mhhn_mmpose.engine.loops.time_budget_loop import SPENT
from mhhn_mmpose.engine.resuming import check_resumable, checkpoint_to_resume, find_last_checkpoint


@pytest.fixture
def run(tmp_path):
    """Checkpoints after epochs 1 to 3, in that order, and the record of the third."""
    for epoch in (1, 2, 3):
        file = tmp_path / f'epoch_{epoch}.pth'
        torch.save(dict(weights=torch.arange(1000.0), epoch=epoch), file)
        os.utime(file, (epoch, epoch))
    (tmp_path / 'last_checkpoint').write_text(str(file))
    return tmp_path


def test_the_recorded_one_before_a_longer_run_of_old(run):
    assert find_last_checkpoint(run) == run / 'epoch_3.pth'
    torch.save({}, run / 'epoch_30.pth')
    assert find_last_checkpoint(run) == run / 'epoch_3.pth'


def flip_a_bit(content: bytes) -> bytes:
    return content[:2000] + bytes([content[2000] ^ 1]) + content[2001:]


@pytest.mark.parametrize(
    'spoil', [flip_a_bit, *(lambda content, n=n: content[:n] for n in (0, 1, 2000, 4000, -1))]
)
def test_half_written_or_changed_on_the_disk(run, spoil, capsys):
    file = run / 'epoch_3.pth'
    file.write_bytes(spoil(file.read_bytes()))
    assert find_last_checkpoint(run) == run / 'epoch_2.pth'
    assert f'{file} cannot be resumed from' in capsys.readouterr().out


@pytest.mark.parametrize('record', ['', '\n', 'epoch_9.pth'])
def test_record_cut_or_folder_moved(run, record, tmp_path_factory):
    moved = run.rename(tmp_path_factory.mktemp('elsewhere') / 'run')
    os.utime(moved / 'epoch_1.pth')
    assert find_last_checkpoint(moved) == moved / 'epoch_3.pth'
    os.utime(moved / 'epoch_1.pth', (1, 1))
    (moved / 'last_checkpoint').write_text(record)
    assert find_last_checkpoint(moved) == moved / 'epoch_3.pth'
    (moved / 'last_checkpoint').unlink()
    assert find_last_checkpoint(moved) == moved / 'epoch_3.pth'


def test_what_resume_means(run, tmp_path_factory):
    empty = tmp_path_factory.mktemp('empty')
    torch.save({}, empty / 'best_NME_epoch_3.pth')
    assert find_last_checkpoint(empty) is find_last_checkpoint(empty / 'none') is None
    assert checkpoint_to_resume(None, run) == str(run / 'epoch_3.pth')
    assert checkpoint_to_resume(str(run), empty) == str(run / 'epoch_3.pth')
    assert checkpoint_to_resume(str(run / 'epoch_1.pth'), empty) == str(run / 'epoch_1.pth')
    assert checkpoint_to_resume(None, empty) is None
    with pytest.raises(InputError, match=f'--resume {empty}: no readable epoch_'):
        checkpoint_to_resume(str(empty), run)
    with pytest.raises(InputError, match='--resume nothere.pth: no such checkpoint or folder'):
        checkpoint_to_resume('nothere.pth', run)


@pytest.mark.parametrize(
    ('change', 'reason'),
    [
        (dict(state_dict=torch.nn.Linear(4, 2).state_dict()), 'another model than c.py .other sh'),
        (dict(optimizer=None), r'weights without the state of a training \(optimizer\)'),
        (dict(message_hub=dict(runtime_info={SPENT: 3.0})), 'of a run with --max-minutes'),
    ],
)
def test_what_can_be_resumed(change, reason, tmp_path):
    model, file = torch.nn.Linear(3, 2), str(tmp_path / 'epoch_1.pth')
    content = dict(state_dict=model.state_dict(), optimizer={}, message_hub={}, meta={})
    torch.save(content, file)
    check_resumable(model, file, 'c.py')
    torch.save({key: value for key, value in (content | change).items() if value is not None}, file)
    with pytest.raises(InputError, match=reason):
        check_resumable(model, file, 'c.py')
    if 'message_hub' in change:
        check_resumable(model, file, 'c.py', time_budget=True)
