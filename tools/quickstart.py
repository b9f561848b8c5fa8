"""Train HGs and MHHN, both tiny, on two CPU processes, test each with argmax and SDT, compare.

Without --data on generated faces. What an earlier call finished is not done again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import signal
import sys
import time
from pathlib import Path

import torch
from dataset_converters.face_300w import FOLDERS
from mmengine.config import Config
from quickstart_parts.report import Model, describe_faces, draw_pictures, write_results
from quickstart_parts.steps import StepError, Steps, command_environment

from mhhn_mmpose import __version__

ROOT = Path(__file__).resolve().parents[1]
PYTHON = sys.executable
CONFIGS = {
    'HGs': 'configs/300w/td-hm_hgs-tiny_2xb8-30e_300w-128x128.py',
    'MHHN': 'configs/300w/td-hm_mhhn-tiny_2xb8-30e_300w-128x128.py',
}
DECODERS = {'argmax': 'ArgmaxHeatmap', 'SDT': 'SDTHeatmap'}
PROCESSES = '2'
# 8 minutes on two cores for the whole; half the configs' batch makes 600 steps of it.
GENERATED_FACES, GENERATED_EPOCHS, GENERATED_BATCH = 480, 10, 4
VALID = 'annotations/face_landmarks_300w_valid.json'
TRAIN = 'annotations/face_landmarks_300w_train.json'


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
    if args.data and not args.data.is_dir():
        parser.error(f'--data {args.data} is no folder')
    if args.out and (bad := re.search(r'[\s,()[\]"\']', str(args.out.absolute()))):
        # MMEngine's --cfg-options drops or splits at these.
        parser.error(f'--out must not contain {bad[0]!r}, got {args.out}')
    if not args.data and args.faces < 24:
        parser.error(f'--faces must be 24 or more, got {args.faces}')
    return args


def output_folder(data: Path | None) -> Path:
    """Return the folder of a data set: real ones never share one, nor with the generated."""
    if data is None:
        return Path('work_dirs/quickstart')
    path = data.resolve()
    name = re.sub(r'[^\w.-]', '_', path.name)
    return Path(f'work_dirs/quickstart-{name}-{hashlib.sha256(bytes(path)).hexdigest()[:6]}')


def tree_state(folder: Path) -> str:
    """Return what tells that a folder of faces changed: its files, their sizes and times."""
    files = [path for part in FOLDERS for path in (folder / part.path).glob('*')]
    return json.dumps([(str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in sorted(files)])


def prepare_data(steps: Steps, data: Path | None, out: Path, faces: int) -> tuple[Path, str]:
    """Write or find the faces and convert them; return the data root and the faces' name."""
    source, root, state = data, out / 'data' / '300w', ''
    if data is None:
        source = out / 'data' / 'generated'
        command = [PYTHON, 'tools/misc/generate_faces.py', source, '--train', faces]
        command += ['--common', faces // 5, '--challenge', faces // 10]
        steps.run('generate faces', command, [], [source / 'generated.json'], source)
        state = (source / 'generated.json').read_text()
    else:
        state = tree_state(data)
    command = [PYTHON, 'tools/dataset_converters/300w2coco.py', source, root]
    steps.run('convert them', command, [], [root / TRAIN, root / VALID], root, state=state)
    return root, 'Generated faces' if data is None else f'Faces of {data.resolve().name}'


def config_files(config: str) -> list[Path]:
    """Return a config with all that it may inherit from."""
    return [Path(config), *Path('configs/_base_').rglob('*.py')]


def schedule(epochs: int | None, generated: bool) -> dict:
    """Return what differs from the configs' training."""
    changes = {'train_dataloader.batch_size': GENERATED_BATCH} if generated else {}
    if epochs := epochs or (GENERATED_EPOCHS if generated else None):
        changes |= {
            'train_cfg.max_epochs': epochs,
            'param_scheduler.0.end': 4 * epochs,  # the warm-up, in steps
            'param_scheduler.1.T_max': epochs,
        }
    return changes


def train(steps: Steps, name: str, root: Path, folder: Path, changes: dict) -> tuple[Path, int]:
    """Train a model; return its checkpoint and for how many epochs."""
    options = changes | {
        'train_dataloader.dataset.data_root': f'{root}/',
        'default_hooks.logger.interval': 5,
        'default_hooks.checkpoint.interval': 1,  # so that an interrupted training can go on
    }
    config = Config.fromfile(CONFIGS[name])
    config.merge_from_dict(changes)
    epochs = config.train_cfg.max_epochs
    command = ['tools/dist_train.sh', CONFIGS[name], PROCESSES, '--work-dir', folder]
    command += ['--resume', '--no-validate', '--cfg-options', *as_arguments(options)]
    checkpoint = folder / f'epoch_{epochs}.pth'
    inputs = [*config_files(CONFIGS[name]), root / TRAIN]
    steps.run(f'train {name}', command, inputs, [checkpoint], folder, epochs)
    return checkpoint, epochs


def test(steps: Steps, name: str, root: Path, checkpoint: Path) -> Model:
    """Test a model with both decoders."""
    tests = {}
    options = {
        'test_dataloader.dataset.data_root': f'{root}/',
        'test_evaluator.ann_file': root / VALID,
        'default_hooks.logger.interval': 1,
    }
    for decoder, codec in DECODERS.items():
        folder = tests[decoder] = checkpoint.parent / f'test-{decoder.lower()}'
        metrics, errors = folder / 'metrics.json', folder / 'errors.json'
        own = {'model.head.decoder.type': codec, 'test_evaluator.errors_file': errors}
        command = ['tools/dist_test.sh', CONFIGS[name], checkpoint, PROCESSES]
        command += ['--work-dir', folder, '--out', metrics]
        command += ['--cfg-options', *as_arguments(options | own)]
        inputs = [*config_files(CONFIGS[name]), root / VALID, checkpoint]
        steps.run(f'test {name}, {decoder}', command, inputs, [metrics, errors], folder)
    config = Config.fromfile(CONFIGS[name])
    config.merge_from_dict(options)
    codecs = {codec: decoder for decoder, codec in DECODERS.items()}
    return Model(name, config, checkpoint, codecs[config.model.head.decoder.type], tests)


def as_arguments(options: dict) -> list[str]:
    """Return options as --cfg-options takes them."""
    return [f'{key}={value}' for key, value in options.items()]


def run(args: argparse.Namespace) -> None:
    """Do all steps, then print the table."""
    started = time.monotonic()
    out = args.out or output_folder(args.data)
    # Two processes cannot share one GPU, and models this small do not need it.
    environment = command_environment(CUDA_VISIBLE_DEVICES='')
    steps = Steps(out / 'logs', 8 if args.data else 9, environment)
    root, faces = prepare_data(steps, args.data, out, args.faces)
    generated = args.data is None
    changes = schedule(args.epochs, generated)
    models, lengths = [], []
    for name in CONFIGS:
        checkpoint, epochs = train(steps, name, root, out / name.lower(), changes)
        models.append(test(steps, name, root, checkpoint))
        lengths.append(f'{name} `{Path(CONFIGS[name]).stem}`, {epochs} epochs')
    trained_on, tested_on = (describe_faces(root / part, generated) for part in (TRAIN, VALID))
    lines = [
        f'{faces}. Train: {trained_on}.',
        f'Test: {tested_on}.',
        f'{"; ".join(lengths)}; {PROCESSES} CPU processes, one seed.',
        f'mhhn_mmpose {__version__}, torch {torch.__version__}.',
        'Tiny models, briefly trained: compare rows with each other, not with published tables.',
    ]
    pictures = [out / name for name in ('ced.png', 'faces.png', 'heatmaps.png')]
    results = out / 'results.md'
    tested = [folder / 'errors.json' for model in models for folder in model.tests.values()]
    steps.run(
        'draw them',
        lambda: draw_pictures(models, out),
        [*tested, *(model.checkpoint for model in models)],
        pictures,
    )
    text = write_results(models, '\n'.join(lines), results, pictures)
    print(f'\n{text}\nWritten in {time.monotonic() - started:.0f} s:')
    print(*(f'  {path}' for path in (results, *pictures)), sep='\n')


def main() -> int:
    """Parse and run; a stopped quickstart goes on where it was when called again."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    args = parse_args()
    args.data, args.out = (path and path.absolute() for path in (args.data, args.out))
    os.chdir(ROOT)
    try:
        run(args)
    except StepError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('stopped; the same command goes on from here', file=sys.stderr)
        return 130
    return 0


if __name__ == '__main__':
    sys.exit(main())
