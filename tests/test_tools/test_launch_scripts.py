"""What the launch scripts hand on, as MMPose's do: ports, nodes, other arguments."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT

RECORD = """#!/bin/sh
printf '%s\\n' "$@" > "$RECORDED"
echo "$MASTER_PORT" "$OMP_NUM_THREADS" > "$RECORDED.environment"
"""


@pytest.fixture
def call(tmp_path):
    """Run a script where `python` and `srun` write down their arguments; those, and the rest."""
    for name in ('python', 'srun'):
        (tmp_path / name).write_text(RECORD)
        (tmp_path / name).chmod(0o755)

    def run(script, *arguments, **variables):
        environment = {'PATH': f'{tmp_path}:{os.environ["PATH"]}', 'RECORDED': f'{tmp_path}/it'}
        how = dict(env=environment | variables, capture_output=True, text=True)
        done = subprocess.run([ROOT / 'tools' / script, *arguments], **how)
        if done.returncode:
            return done
        recorded = (tmp_path / 'it').read_text().splitlines()
        return recorded, (tmp_path / 'it.environment').read_text().split()

    return run


EXTRA = ['--cfg-options', 'data_root=my faces/', 'model.a=[1,2]', '--resume']


def test_dist_test_on_the_second_of_two_nodes(call):
    variables = dict(NNODES='2', NODE_RANK='1', MASTER_ADDR='10.0.0.7', PORT='29512')
    recorded, _ = call('dist_test.sh', 'c.py', 'a.pth', '8', *EXTRA, **variables)
    nodes = ['--nnodes=2', '--node_rank=1', '--master_addr=10.0.0.7', '--master_port=29512']
    tool = [str(ROOT / 'tools/test.py'), 'c.py', 'a.pth', '--launcher', 'pytorch']
    run = ['-m', 'torch.distributed.run', *nodes, '--nproc_per_node=8']
    assert recorded == [*run, *tool, *EXTRA]


@pytest.mark.parametrize('tool, out', [('train', '--work-dir=out'), ('test', 'out')])
def test_slurm_on_two_nodes(call, tool, out):
    variables = dict(GPUS='16', GPUS_PER_NODE='8', CPUS_PER_TASK='4', MASTER_PORT='29513')
    variables['SRUN_ARGS'] = '--time=1:00 --exclusive'
    arguments = ['gpu', 'mhhn', 'c.py', 'out', *EXTRA]
    recorded, environment = call(f'slurm_{tool}.sh', *arguments, **variables)
    assert recorded == [
        *('--partition=gpu', '--job-name=mhhn', '--ntasks=16', '--ntasks-per-node=8'),
        *('--gres=gpu:8', '--cpus-per-task=4', '--kill-on-bad-exit=1', '--time=1:00'),
        *('--exclusive', 'python', '-u', str(ROOT / f'tools/{tool}.py'), 'c.py', out),
        *('--launcher', 'slurm', *EXTRA),
    ]
    # MMEngine reads the port on every node; torchrun has one thread too, for the same last digits.
    assert environment == ['29513', '1']


@pytest.mark.parametrize('script', ['dist_train', 'dist_test', 'slurm_train', 'slurm_test'])
def test_usage(call, script):
    done = call(f'{script}.sh')
    assert done.returncode == 2 and f'tools/{script}.sh' in done.stderr


@pytest.mark.parametrize('tool', ['train', 'test', 'deployment/export_onnx', 'analysis/panels'])
def test_help_imports_no_torch(tool):
    words = [sys.executable, '-X', 'importtime', ROOT / f'tools/{tool}.py', '--help']
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.stdout.startswith('usage: ') and ' torch\n' not in done.stderr
