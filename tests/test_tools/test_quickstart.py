"""tools/quickstart.py from end to end, and the steps it is made of."""

import io
import json
import signal
import subprocess
import time

import cv2
import pytest
from conftest import ROOT, run_tool
from quickstart_parts import steps as module
from quickstart_parts.report import choose_faces, describe_faces
from quickstart_parts.steps import ProgressLine, StepError, Steps, parse_progress, stop

TRAIN = (
    '11/22 19:22:28 - mmengine - INFO - Epoch(train)  [ 3][ 6/30]  lr: 1.75e-04  '
    'eta: {eta}  time: 1.473880  data_time: 0.246181  loss: 6.851963'
)


@pytest.mark.parametrize(
    ('line', 'epochs', 'expected'),
    [
        (TRAIN.format(eta='0:01:20'), 10, (0.22, '0:01:20')),
        (TRAIN.format(eta='1 day, 3:00:01'), 4, (0.55, '1 day, 3:00:01')),
        (
            'x - INFO - Epoch(test) [2/5]    eta: 0:00:03  time: 0.1  data_time: 0.0',
            7,
            (0.4, '0:00:03'),
        ),
        ('x - INFO - Epoch(test) [5/5]    full/inter_ocular/NME: 93.3', 1, None),
        (' 12%|█▏        | 75/600 [00:08<01:00,  9.12face/s]', 1, (0.125, '01:00')),
        ('  0%|          | 0/600 [00:00<?, ?face/s]', 1, (0.0, '?')),
        ('Loads checkpoint by local backend from path: a/epoch_1.pth', 1, None),
    ],
)
def test_parse_progress(line, epochs, expected):
    found = parse_progress(line, epochs)
    assert found == (expected and (pytest.approx(expected[0]), expected[1]))


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_line_on_a_terminal_and_elsewhere(monkeypatch):
    clock = iter([0.0, 1.0, 21.0, 22.0, 30.0])
    monkeypatch.setattr(module.time, 'monotonic', lambda: next(clock))
    elsewhere = io.StringIO()
    line = ProgressLine('train', elsewhere)
    line.update(0.1, '0:09')  # after 1 s: not worth a line
    line.update(0.5, '0:05')
    line.update(0.6, '0:04')
    line.close('done')
    assert elsewhere.getvalue().splitlines() == [
        'train ...',
        'train  [############------------]  50%  0:05 left',
        'train: done, 30 s',
    ]
    monkeypatch.setattr(module.time, 'monotonic', lambda: 0.0)
    terminal = Terminal()
    line = ProgressLine('train', terminal)
    line.update(0.25, '0:05')
    line.close('done')
    shown = terminal.getvalue()
    assert shown.count('\n') == 1 and shown.count('\r') == 3 and ' 25%  0:05 left' in shown


def test_a_step_is_taken_once_for_the_same_inputs(tmp_path, capsys):
    source, own = tmp_path / 'source', tmp_path / 'own'
    out = own / 'out'
    source.write_text('1')

    (own / 'old').mkdir(parents=True)
    command = ['bash', '-c', f'mkdir -p {own}; echo x >> {out}']
    for expected in ('[1/1] a step: done', '[1/1] a step: there already'):
        Steps(tmp_path / 'logs', 1).run('a step', command, [source], [out], own)
        assert expected in capsys.readouterr().out
        assert out.read_text() == 'x\n'
    assert not (own / 'old').exists()

    def again(**changes):
        Steps(tmp_path / 'logs', 1).run('a step', command, [source], [out], own, **changes)
        return 'done' in capsys.readouterr().out

    source.write_text('2')
    assert again() and not again()
    assert again(state='other') and not again(state='other')
    out.unlink()
    assert again(state='other')
    assert out.read_text() == 'x\n'


def test_an_interrupted_step_finds_what_it_had(tmp_path):
    own = tmp_path / 'own'
    part, out = own / 'part', own / 'out'
    # Fails the first time, after it has made a part.
    script = (
        f'if [ -e {part} ]; then cp {part} {out}; else mkdir {own}; echo 1 > {part}; exit 3; fi'
    )
    command = ['bash', '-c', script]
    with pytest.raises(StepError, match='exit status 3'):
        Steps(tmp_path / 'logs', 1).run('a step', command, [], [out], own)
    Steps(tmp_path / 'logs', 1).run('a step', command, [], [out], own)
    assert out.read_text() == '1\n'


def test_a_failure_shows_how_the_log_ends(tmp_path):
    # The log's first line is the command: the launcher's mark must not be in it.
    script = 'for i in {1..50}; do echo $i; done; d=distributed; echo torch/$d/elastic: x; exit 4'
    with pytest.raises(StepError) as error:
        Steps(tmp_path, 1).run('train HGs', ['bash', '-c', script], [], [])
    message = str(error.value).splitlines()
    assert [line.strip() for line in message[:-1]] == [str(i) for i in range(21, 51)]
    assert message[-1] == f'[1/1] train HGs: exit status 4; see {tmp_path / "train-HGs.log"}'


def test_what_is_not_written_is_a_failure(tmp_path):
    with pytest.raises(StepError, match='a step did not write .*out'):
        Steps(tmp_path, 1).run('a step', ['true'], [], [tmp_path / 'out'])
    with pytest.raises(StepError, match='did not write'):
        Steps(tmp_path, 1).run('a step', ['true'], [], [tmp_path / 'out'])


def test_stop_leaves_no_process():
    process = subprocess.Popen(
        ['bash', '-c', 'sleep 300 & echo $!; wait'], stdout=subprocess.PIPE, start_new_session=True
    )
    child = int(process.stdout.readline())
    stop(process)
    for _ in range(50):
        if not is_running(child):
            break
        time.sleep(0.1)
    assert not is_running(child)


def is_running(pid):
    """Whether a process is there and no zombie."""
    state = subprocess.run(['ps', '-o', 'stat=', '-p', str(pid)], capture_output=True, text=True)
    return bool(state.stdout.strip()) and not state.stdout.strip().startswith('Z')


def test_faces_are_chosen_by_rank_of_each_subset():
    def image(number, subset, error):
        return dict(id=number, subsets=[subset], errors=dict(inter_ocular=error))

    images = [image(n, 'challenge', 100 - n) for n in range(1, 8)]
    images += [image(n, 'common', n) for n in range(10, 16)]
    assert choose_faces({i['id']: i for i in images}, 6) == [11, 13, 15, 6, 4, 2]
    assert choose_faces({i['id']: i for i in images[7:]}, 6) == [10, 11, 12, 13, 14, 15]
    assert choose_faces({i['id']: i for i in images[6:9]}, 6) == [10, 11, 7]


def test_faces_are_named_by_their_archives(tmp_path):
    names = ['helen/testset/1.jpg'] * 330 + ['ibug/a b.jpg'] * 2
    path = tmp_path / 'valid.json'
    path.write_text(json.dumps(dict(images=[dict(file_name=name) for name in names])))
    assert describe_faces(path, False) == '332 faces: HELEN test (330), IBUG (2 of 135)'
    assert describe_faces(path, True) == '332 faces: HELEN test (330), IBUG (2)'


@pytest.fixture
def quickstart(monkeypatch, capfd, uncovered_processes):
    """Calls the script in this process: (exit status, stdout, stderr)."""
    handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv('PYTHONPATH', str(ROOT))

    def call(*arguments):
        capfd.readouterr()
        status = run_tool(monkeypatch, 'quickstart.py', *arguments)
        return status, *capfd.readouterr()

    yield call
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_from_end_to_end(quickstart, tmp_path):
    out = tmp_path / 'out'
    status, said, error = quickstart('--faces', 24, '--epochs', 1, '--out', out)
    assert status == 0, said + error
    results = (out / 'results.md').read_text()
    assert 'Train: 24 faces: AFW (3), HELEN train (15), LFPW train (6).' in results
    table = results.split('inter-pupil')[0].splitlines()
    rows = [line.split('|')[1].strip() for line in table if line.startswith('| ')]
    assert rows[2:] == ['HGs, argmax', 'HGs, SDT', 'MHHN, argmax', 'MHHN, SDT']
    assert all(line in said for line in table)
    for name in ('ced', 'faces', 'heatmaps'):
        assert cv2.imread(str(out / f'{name}.png')).std() > 10
        assert f'({name}.png)' in results
    # Both decoders saw the same weights, and are two decoders.
    nme = {
        test: json.loads((out / 'mhhn' / test / 'metrics.json').read_text())[
            'full/inter_ocular/NME'
        ]
        for test in ('test-argmax', 'test-sdt')
    }
    assert nme['test-argmax'] != nme['test-sdt']

    status, said, error = quickstart('--faces', 24, '--epochs', 1, '--out', out)
    assert status == 0, said + error
    assert said.count('there already') == 9
    assert (out / 'results.md').read_text() == results


def test_refuses(quickstart, tmp_path):
    status, _, error = quickstart('--data', tmp_path / 'nothing')
    assert status == 2 and 'nothing is no folder' in error
    status, _, error = quickstart('--out', tmp_path / 'with blank')
    assert status == 2 and "--out must not contain ' '" in error
