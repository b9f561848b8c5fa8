"""Test a model: `tools/test.py tiny` or `CONFIG [CHECKPOINT]`; `dist_test.sh` with processes.

Writes metrics.json, and errors.json with every image's errors, to the work dir, where
tools/analysis/ looks for them.
"""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from mhhn_landmarks.arguments import add_config_options, add_model
from mhhn_landmarks.errors import exit_on_input_error
from mhhn_landmarks.fileio import write_json_files
from mhhn_landmarks.models import config_and_checkpoint

if TYPE_CHECKING:  # what takes seconds to import is imported after parsing
    from mmengine.config import Config


def parse_args() -> argparse.Namespace:
    """Arguments as in MMPose's own tools/test.py."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_model(parser, positions=True)
    parser.add_argument('--work-dir', help='folder for logs and results')
    parser.add_argument('--out', help='file for the metrics (.json, .yaml, .pkl), besides')
    parser.add_argument('--dump', help='file for the predictions (.pkl)')
    parser.add_argument('--show-dir', help='folder for pictures of the predictions')
    parser.add_argument('--interval', type=int, default=1, help='draw every n-th sample')
    add_config_options(parser)
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    return parser.parse_intermixed_args()


def build_config(args: argparse.Namespace) -> Config:
    """Return the config with the command line merged into it."""
    from mhhn_mmpose.apis.model_loading import check_landmarks, load_config
    from mhhn_mmpose.engine.launching import drop_persistent_workers

    config, checkpoint = config_and_checkpoint(*args.model)
    cfg = load_config(config)
    cfg.launcher = args.launcher
    cfg.load_from = checkpoint
    name = os.path.splitext(os.path.basename(config))[0]
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or os.path.join('work_dirs', name)
    if args.show_dir:
        cfg.default_hooks.visualization.update(
            enable=True, out_dir=args.show_dir, interval=args.interval
        )
    if args.cfg_options:
        cfg.merge_from_dict(args.cfg_options)
    check_landmarks(cfg, 'test')
    drop_persistent_workers(cfg)
    evaluators = cfg.test_evaluator
    evaluators = evaluators if isinstance(evaluators, list) else [evaluators]
    for evaluator in evaluators:
        if evaluator.type == 'FaceAlignmentMetric':
            evaluator.setdefault('errors_file', os.path.join(cfg.work_dir, 'errors.json'))
    if args.dump:
        cfg.test_evaluator = [*evaluators, dict(type='DumpResults', out_file_path=args.dump)]
    return cfg


def main() -> None:
    """Parse, build, run."""
    args = parse_args()
    import mmengine
    from mmengine.runner import Runner

    from mhhn_mmpose.apis.model_loading import load_weights
    from mhhn_mmpose.compat import prepare_cpu_launcher
    from mhhn_mmpose.engine.launching import end_with_launcher, flush_denormals, make_work_dir

    end_with_launcher(args.launcher)
    flush_denormals()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    cfg = build_config(args)

    make_work_dir(cfg.work_dir)
    prepare_cpu_launcher(cfg)
    runner = Runner.from_cfg(cfg)
    runner.logger.info(f'weights: {cfg.load_from}')
    # Before the runner does it, which would go on with what another model's checkpoint has.
    load_weights(runner.model, cfg.load_from, args.model[0])
    metrics = runner.test()
    if runner.rank == 0:
        write_json_files({os.path.join(cfg.work_dir, 'metrics.json'): metrics})
        if args.out:
            mmengine.dump(metrics, args.out)


if __name__ == '__main__':
    exit_on_input_error('test', main)
