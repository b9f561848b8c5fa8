"""Train HGs and MHHN, both tiny, side by side on two CPU cores, and compare them by argmax and SDT.

Without --data on generated faces. What an earlier call finished is not done again.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from dataset_converters import convert_300w
from dataset_converters.conversion import report
from generated_faces import write_archive
from steps import Step, command_environment, run_side_by_side

from mhhn_landmarks.errors import InputError, exit_on_input_error
from mhhn_landmarks.fileio import write_bytes, write_json_files

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = {
    'HGs': 'configs/300w/td-hm_hgs-tiny_2xb8-30e_300w-128x128.py',
    'MHHN': 'configs/300w/td-hm_mhhn-tiny_2xb8-30e_300w-128x128.py',
}
# A step of MHHN takes more than twice as long, so MHHN gets two processes, HGs one.
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
    name = 'quickstart'
    if args.data:
        args.data = args.data.resolve()
        name += '-' + re.sub(r'[^\w.-]', '_', args.data.name)
    args.out = (args.out or ROOT / 'work_dirs' / name).absolute()
    if bad := re.search(r'[\s,()[\]"\']', str(args.out)):
        # MMEngine's --cfg-options drops or splits at these.
        parser.error(f'--out must not contain {bad[0]!r}, got {args.out}')
    return args


def check_folder(args: argparse.Namespace) -> None:
    """Refuse a folder that other faces, options or configs were used for."""
    configs = sorted([*map(Path, CONFIGS.values()), *Path('configs/_base_').rglob('*.py')])
    used = [str(args.data), args.faces, args.epochs, *(path.read_text() for path in configs)]
    state = args.out / 'state.json'
    if state.is_file() and json.loads(state.read_text()) != used:
        raise InputError(f'{args.out} was made with other faces, options or configs; remove it')
    write_json_files({state: used})


def prepare_data(data: Path | None, out: Path, faces: int) -> Path:
    """Write or find the faces and convert them; return the data root."""
    source, root = data or out / 'data' / 'generated', out / 'data' / '300w'
    if data is None and not source.exists():
        print(f'draw {faces} training faces', flush=True)
        write_archive('300w', source, train=faces, common=faces // 5, challenge=faces // 10)
    if not all((root / part).is_file() for part in (TRAIN, VALID)):
        written, problems = convert_300w(source, root)
        problems.warnings[:] = problems.warnings if data else []  # of sizes that are not official
        if report(written, problems, False):
            raise InputError(f'{source}: its faces could not be converted')
    return root


def training(name: str, root: Path, args: argparse.Namespace) -> Step:
    """Return the command that trains a model."""
    generated, processes, folder = args.data is None, PROCESSES[name], args.out / name.lower()
    epochs = args.epochs or (GENERATED_EPOCHS if generated else EPOCHS)
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
    command = (*launch, *words, *(f'{key}={value}' for key, value in options.items()))
    log = args.out / 'logs' / f'{name.lower()}.log'
    return Step(f'train {name}', command, folder / f'epoch_{epochs}.pth', log)


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
        check_folder(args)
        if not results.is_file():
            root = prepare_data(args.data, args.out, args.faces)
            steps = {name: training(name, root, args) for name in CONFIGS}
            # Two processes cannot share one GPU, and models this small do not need it.
            run_side_by_side([*steps.values()], command_environment(CUDA_VISIBLE_DEVICES=''))
            from analysis.compare import compare  # torch and MMPose: seconds, not needed above

            checkpoints = {name: step.output for name, step in steps.items()}
            text = compare(CONFIGS, checkpoints, root, args.out, header(args, root, checkpoints))
            write_bytes(results, text.encode())
    except KeyboardInterrupt:
        print('stopped; the same command goes on from here', file=sys.stderr)
        return 130
    print(f'\n{results.read_text()}\nWritten in {time.monotonic() - started:.0f} s to {args.out}')
    return 0


if __name__ == '__main__':
    sys.exit(exit_on_input_error('quickstart', main))
