"""Train HGs and MHHN, both tiny, side by side on two CPU cores, and compare them by argmax and SDT.

Without --data on generated faces. What an earlier call finished is not done again.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from analysis.paper_tables import parse_stem
from analysis.run_table import ROOT, TableRun, check, command_environment, note
from dataset_converters import convert_300w
from dataset_converters.conversion import report
from generated_faces import write_archive

from mhhn_landmarks.errors import InputError, exit_on_input_error
from mhhn_landmarks.fileio import write_bytes

CONFIGS = {
    'HGs': 'configs/300w/td-hm_hgs-tiny_2xb8-30e_300w-128x128.py',
    'MHHN': 'configs/300w/td-hm_mhhn-tiny_2xb8-30e_300w-128x128.py',
}
# MHHN's step takes over twice as long: it gets two processes, beside the one of HGs, on two cores.
PROCESSES = {'HGs': 1, 'MHHN': 2}
# Half the configs' batch makes 600 steps of so few faces. Half as many have errors a third larger.
GENERATED_FACES, GENERATED_EPOCHS, GENERATED_BATCH = 480, 10, 8
EPOCHS, BATCH = 30, 16  # the configs'
TRAIN = 'annotations/face_landmarks_300w_train.json'
VALID = 'annotations/face_landmarks_300w_valid.json'


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data', type=Path, help="real faces, laid out like 300W's archives")
    parser.add_argument('--out', type=Path, help='folder for everything written')
    parser.add_argument(
        '--faces', type=int, default=GENERATED_FACES, help='generated training faces, 24 or more'
    )
    parser.add_argument(
        '--epochs', type=int, help=f'default: {GENERATED_EPOCHS}, on real faces {EPOCHS}'
    )
    args = parser.parse_args()
    if args.data and not args.data.is_dir():
        parser.error(f'--data {args.data} is no folder')
    if not args.data and args.faces < 24:
        parser.error(f'--faces must be 24 or more, got {args.faces}')
    args.label = f'generated-{args.faces}'
    if args.data:
        args.data = args.data.resolve()
        args.label = re.sub(r'[^\w.-]', '_', args.data.name)
    args.out = (args.out or ROOT / 'work_dirs' / f'quickstart-{args.label}').absolute()
    if bad := re.search(r'[\s,()[\]"\']', str(args.out)):
        # MMEngine's --cfg-options drops or splits at these.
        parser.error(f'--out must not contain {bad[0]!r}, got {args.out}')
    return args


def prepare_data(args: argparse.Namespace) -> Path:
    """Write or find the faces and convert them; return the data root."""
    root = args.out / 'data' / args.label
    source = args.data or root.with_name(f'{args.label}-archive')
    if not source.exists():
        print(f'draw {args.faces} training faces', flush=True)
        counts = dict(train=args.faces, common=args.faces // 5, challenge=args.faces // 10)
        write_archive('300w', source, **counts)
    if not all((root / part).is_file() for part in (TRAIN, VALID)):
        written, problems = convert_300w(source, root)
        problems.warnings[:] = problems.warnings if args.data else []  # of unofficial sizes
        if report(written, problems, False):
            raise InputError(f'{source}: its faces could not be converted')
    return root


def trainings(root: Path, args: argparse.Namespace) -> dict[str, TableRun]:
    """Return how each model is trained."""
    generated, runs = args.data is None, {}
    epochs = args.epochs or (GENERATED_EPOCHS if generated else EPOCHS)
    options = {
        'train_dataloader.dataset.data_root': f'{root}/',
        'test_dataloader.dataset.data_root': f'{root}/',
        'default_hooks.logger.interval': 5,
        'default_hooks.checkpoint.interval': 1,  # so that an interrupted training can go on
        'train_cfg.max_epochs': epochs,
        'param_scheduler.1.T_max': epochs,
    }
    if args.epochs or generated:
        options['param_scheduler.0.end'] = 4 * epochs  # the warm-up, in steps
    for name, processes in PROCESSES.items():
        config, folder = ROOT / CONFIGS[name], args.out / name.lower()
        batch = (GENERATED_BATCH if generated else BATCH) // processes
        more, flags = {'train_dataloader.batch_size': batch}, ('--no-validate',)
        stem = parse_stem(config.stem)
        runs[name] = TableRun(config, stem, folder, processes, options | more, flags=flags)
    return runs


def train(runs: Mapping[str, TableRun], out: Path) -> None:
    """Train side by side what is not finished; if one fails, the others are stopped."""
    processes = {}
    try:
        for name, run in runs.items():
            if not run.checkpoint.is_file():
                note(run)
                path = out / f'{name.lower()}.log'
                print(f'train {name}: progress in {path}', flush=True)
                # Two processes cannot share one GPU, and models this small do not need it.
                environment = command_environment(CUDA_VISIBLE_DEVICES='')
                with open(path, 'w', encoding='utf-8') as log:
                    options = dict(stdout=log, stderr=subprocess.STDOUT, env=environment)
                    processes[name, path] = subprocess.Popen(run.train_command, **options)
        while any(process.poll() is None for process in processes.values()):
            if any(process.poll() for process in processes.values()):
                break
            time.sleep(0.5)
        for (name, path), process in processes.items():
            if code := process.poll():
                # Before torch's launcher says at length that a process failed.
                text = re.split('.*torch/distributed/elastic', path.read_text(errors='replace'))[0]
                last = '\n'.join(text.splitlines()[-20:])
                raise InputError(f'\n{last}\ntrain {name}: exit status {code}; see {path}')
    finally:
        for process in processes.values():
            process.terminate()
            process.wait()


def header(args: argparse.Namespace, root: Path, checkpoints: dict[str, Path]) -> str:
    """Say what was trained and tested on what."""
    train, test = (len(json.loads((root / p).read_text())['images']) for p in (TRAIN, VALID))
    faces = f'Faces of {args.data.name}' if args.data else 'Generated faces'
    models = (f'{name} `{Path(CONFIGS[name]).stem}`, {p.stem}' for name, p in checkpoints.items())
    return (
        f'{faces}: {train} to train, {test} to test.\n{"; ".join(models)}; one seed.\n'
        'Tiny models, briefly trained: compare rows with each other, not with published tables.'
    )


def main() -> int:
    """Do all steps, print the table; a stopped quickstart goes on when it is called again."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    args, started = parse_args(), time.monotonic()
    os.chdir(ROOT)
    results = args.out / 'results.md'
    try:
        root = prepare_data(args)
        runs = trainings(root, args)
        check([*runs.values()])
        if not results.is_file():
            train(runs, args.out)
            from analysis.compare import compare  # torch and MMPose: seconds, not needed above

            checkpoints = {name: run.checkpoint for name, run in runs.items()}
            text = compare(CONFIGS, checkpoints, root, args.out, header(args, root, checkpoints))
            write_bytes(results, text.encode())
    except KeyboardInterrupt:
        print('stopped; the same command goes on from here', file=sys.stderr)
        return 130
    print(f'\n{results.read_text()}\nWritten in {time.monotonic() - started:.0f} s to {args.out}')
    return 0


if __name__ == '__main__':
    sys.exit(exit_on_input_error('quickstart', main))
