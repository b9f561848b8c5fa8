"""Train a model: `tools/train.py CONFIG`, or `tools/dist_train.sh CONFIG NUM_PROCESSES`."""

from __future__ import annotations

import time

STARTED = time.monotonic()  # before the imports, which take seconds: --max-minutes counts them

import argparse
import os
from typing import TYPE_CHECKING

from mhhn_landmarks.arguments import add_config_options
from mhhn_landmarks.errors import InputError, exit_on_input_error

if TYPE_CHECKING:  # what takes seconds to import is imported after parsing
    from mmengine.config import Config


def parse_args() -> argparse.Namespace:
    """Arguments as in MMPose's own tools/train.py."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument('--work-dir', help='folder for logs and checkpoints')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        help='checkpoint to go on from, or folder of a run; without a value the work dir',
    )
    parser.add_argument('--amp', action='store_true', help='mixed precision; on a CPU in bfloat16')
    parser.add_argument('--no-validate', action='store_true', help='do not evaluate on the way')
    parser.add_argument(
        '--max-minutes',
        type=float,
        help='end by then with the schedule complete; a resumed run has the rest of the time',
    )
    parser.add_argument('--auto-scale-lr', action='store_true', help='learning rate by batch size')
    add_config_options(parser)
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    return parser.parse_args()


def build_config(args: argparse.Namespace) -> Config:
    """Return the config with the command line merged into it."""
    from mmengine.device import get_device

    from mhhn_mmpose.apis.model_loading import check_landmarks, load_config
    from mhhn_mmpose.engine.launching import drop_persistent_workers
    from mhhn_mmpose.engine.resuming import check_weights_to_start_from, checkpoint_to_resume

    cfg = load_config(args.config)
    cfg.launcher = args.launcher
    name = os.path.splitext(os.path.basename(args.config))[0]
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or os.path.join('work_dirs', name)
    if args.amp:
        on_cpu = get_device() == 'cpu'
        cfg.optim_wrapper.type = 'CpuAmpOptimWrapper' if on_cpu else 'AmpOptimWrapper'
        cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')
    if args.resume:
        cfg.resume = True
        cfg.load_from = None if args.resume == 'auto' else args.resume
    if args.auto_scale_lr:
        cfg.auto_scale_lr.enable = True
    if args.cfg_options:
        cfg.merge_from_dict(args.cfg_options)
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    if cfg.get('resume'):
        cfg.load_from = checkpoint_to_resume(cfg.get('load_from'), cfg.work_dir)
        cfg.resume = cfg.load_from is not None
    check_landmarks(cfg, 'train', 'val')
    check_weights_to_start_from(cfg.get('load_from'))
    if args.max_minutes is not None:
        if not cfg.train_cfg.pop('by_epoch', True):
            raise InputError(f'{args.config}: --max-minutes needs train_cfg.by_epoch=True')
        cfg.train_cfg.update(type='TimeBudgetLoop', max_minutes=args.max_minutes)
    drop_persistent_workers(cfg)
    cfg.setdefault('default_hooks', {}).setdefault(
        'validation_check', dict(type='ValidationCheckHook')
    )
    return cfg


def main() -> None:
    """Parse, build, run."""
    args = parse_args()
    from mmengine.runner import Runner

    from mhhn_mmpose.compat import prepare_cpu_launcher
    from mhhn_mmpose.engine import launching
    from mhhn_mmpose.engine.resuming import check_resumable

    launching.end_with_launcher(args.launcher)
    launching.flush_denormals()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    cfg = build_config(args)

    launching.make_work_dir(cfg.work_dir)
    prepare_cpu_launcher(cfg)
    try:
        with launching.stops_in_one_line(cfg.work_dir):
            runner = Runner.from_cfg(cfg)
            timed = cfg.train_cfg.get('type') == 'TimeBudgetLoop'
            if cfg.get('resume'):
                check_resumable(runner.model, cfg.load_from, args.config, timed)
            if timed:
                runner.train_loop.startup = time.monotonic() - STARTED
            runner.train()
    except FloatingPointError:
        raise SystemExit(1) from None  # the log has said which faces


if __name__ == '__main__':
    exit_on_input_error('train', main)
