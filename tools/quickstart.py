"""Train HGs and MHHN, both tiny, side by side on two CPU cores, and compare them by argmax and SDT.

Without --data on generated faces. What an earlier call finished is not done again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from dataset_converters import convert_300w
from dataset_converters.conversion import report
from dataset_converters.face_300w import FOLDERS
from generated_faces import write_archive
from steps import Step, command_environment, run_side_by_side

from mhhn_landmarks.errors import InputError, exit_on_input_error
from mhhn_landmarks.fileio import write_bytes, write_json_files

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = {
    'HGs': 'configs/300w/td-hm_hgs-tiny_2xb8-30e_300w-128x128.py',
    'MHHN': 'configs/300w/td-hm_mhhn-tiny_2xb8-30e_300w-128x128.py',
}
# MHHN takes more than twice as long a step: of the cores one process for HGs, two for MHHN share.
PROCESSES = {'HGs': 1, 'MHHN': 2}
# Half the configs' batch makes 600 steps of so few faces. Half as many have errors a third larger.
GENERATED_FACES, GENERATED_EPOCHS, GENERATED_BATCH = 480, 10, 8
BATCH = 16
TRAIN = 'annotations/face_landmarks_300w_train.json'
VALID = 'annotations/face_landmarks_300w_valid.json'
PICTURES = ('ced.png', 'faces.png', 'heatmaps.png')


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data', type=Path, help="real faces, laid out like 300W's archives")
    parser.add_argument('--out', type=Path, help='folder for everything written')
    parser.add_argument(
        '--faces', type=int, default=GENERATED_FACES, help='generated training faces, 24 or more'
    )
    parser.add_argument(
        '--epochs', type=int, help=f'{GENERATED_EPOCHS}, or on real faces what the configs say'
    )
    args = parser.parse_args()
    args.data, args.out = (path and path.absolute() for path in (args.data, args.out))
    if args.data and not args.data.is_dir():
        parser.error(f'--data {args.data} is no folder')
    if args.out and (bad := re.search(r'[\s,()[\]"\']', str(args.out))):
        # MMEngine's --cfg-options drops or splits at these.
        parser.error(f'--out must not contain {bad[0]!r}, got {args.out}')
    if not args.data and args.faces < 24:
        parser.error(f'--faces must be 24 or more, got {args.faces}')
    if not args.out:  # real faces never share a folder, nor with the generated
        args.out = Path('work_dirs/quickstart')
        if args.data:
            name = re.sub(r'[^\w.-]', '_', args.data.resolve().name)
            key = hashlib.sha256(bytes(args.data.resolve())).hexdigest()[:6]
            args.out = Path(f'work_dirs/quickstart-{name}-{key}')
    return args


def start_over_if_changed(args: argparse.Namespace) -> None:
    """Remove what an earlier call made of other faces, options or configs."""
    parts = [str(args.data), str(args.faces), str(args.epochs)]
    files = [file for part in FOLDERS for file in ((args.data or args.out) / part.path).glob('*')]
    parts += [f'{p} {p.stat().st_size} {p.stat().st_mtime_ns}' for p in sorted(files)]
    configs = sorted([*map(Path, CONFIGS.values()), *Path('configs/_base_').rglob('*.py')])
    parts += [path.read_text(encoding='utf-8') for path in configs]
    key = hashlib.sha256('\n'.join(parts).encode()).hexdigest()
    state = args.out / 'state.json'
    if not state.is_file() or json.loads(state.read_text()) != key:
        for name in ('data', 'hgs', 'mhhn', 'results.md'):
            path = args.out / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        write_json_files({state: key})


def prepare_data(data: Path | None, out: Path, faces: int) -> Path:
    """Write or find the faces and convert them; return the data root.

    Raises:
        InputError: If the archives cannot be used.
    """
    source, root = data or out / 'data' / 'generated', out / 'data' / '300w'
    if data is None:
        started, took = time.monotonic(), 'there already'
        if not source.exists():
            counts = dict(train=faces, common=faces // 5, challenge=faces // 10)
            write_archive('300w', source, **counts)
            took = f'{time.monotonic() - started:.0f} s'
        print(f'generate faces: {took}')
    if not all((root / part).is_file() for part in (TRAIN, VALID)):
        written, problems = convert_300w(source, root)
        problems.warnings[:] = problems.warnings if data else []  # of sizes that are not official
        if report(written, problems, False):
            raise InputError(f'{source}: its faces could not be converted')
    return root


def training(name: str, root: Path, folder: Path, args: argparse.Namespace) -> Step:
    """Return the command that trains a model."""
    generated, processes = args.data is None, PROCESSES[name]
    epochs = args.epochs or (GENERATED_EPOCHS if generated else 30)
    options = {
        'train_dataloader.batch_size': (GENERATED_BATCH if generated else BATCH) // processes,
        'train_dataloader.dataset.data_root': f'{root}/',
        'default_hooks.logger.interval': 5,
        'default_hooks.checkpoint.interval': 1,  # so that an interrupted training can go on
        'train_cfg.max_epochs': epochs,
        'param_scheduler.1.T_max': epochs,
    }
    if args.epochs or generated:
        options['param_scheduler.0.end'] = 4 * epochs  # the warm-up, in steps
    launch = ['tools/dist_train.sh', CONFIGS[name], processes]
    if processes == 1:
        launch = [sys.executable, 'tools/train.py', CONFIGS[name]]
    words = ['--work-dir', folder, '--resume', '--no-validate', '--cfg-options']
    command = [*launch, *words, *(f'{key}={value}' for key, value in options.items())]
    return Step(f'train {name}', tuple(command), folder / f'epoch_{epochs}.pth', epochs)


def header(args: argparse.Namespace, root: Path, trainings: Mapping[str, Step]) -> str:
    """Say what was trained and tested on what."""
    faces = f'Faces of {args.data.resolve().name}' if args.data else 'Generated faces'
    counts = []
    for part in (TRAIN, VALID):
        images = json.loads((root / part).read_text())['images']
        folders = Counter(Path(image['file_name']).parent.as_posix() for image in images)
        counts.append(f'{len(images)} faces: {", ".join(f"{f} ({n})" for f, n in folders.items())}')
    lengths = (f'{n} `{Path(CONFIGS[n]).stem}`, {s.epochs} epochs' for n, s in trainings.items())
    return (
        f'{faces}. Train: {counts[0]}.\nTest: {counts[1]}.\n{"; ".join(lengths)}; one seed.\n'
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
        start_over_if_changed(args)
        if not results.is_file():
            root = prepare_data(args.data, args.out, args.faces)
            steps = {name: training(name, root, args.out / name.lower(), args) for name in CONFIGS}
            # Two processes cannot share one GPU, and models this small do not need it.
            env = command_environment(CUDA_VISIBLE_DEVICES='')
            run_side_by_side(list(steps.values()), args.out / 'logs', env)
            from analysis.compare import compare  # torch and MMPose: seconds, not needed above

            checkpoints = {name: step.output for name, step in steps.items()}
            text = compare(CONFIGS, checkpoints, root, args.out, header(args, root, steps))
            write_bytes(results, text.encode())
    except KeyboardInterrupt:
        print('stopped; the same command goes on from here', file=sys.stderr)
        return 130
    print(f'\n{results.read_text()}\nWritten in {time.monotonic() - started:.0f} s:')
    print(*(f'  {args.out / name}' for name in (results.name, *PICTURES)), sep='\n')
    return 0


if __name__ == '__main__':
    sys.exit(exit_on_input_error('quickstart', main))
