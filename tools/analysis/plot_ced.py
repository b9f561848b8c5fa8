"""Draw cumulative error distributions of several runs into one picture.

RUN is errors.json, which tools/test.py writes, or a folder with it, or NAME=PATH for another name
in the legend; otherwise the folder's name is used.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from figures.ced import plot_ced, read_errors
from paper_tables.conditions import ERRORS, RunError, read_json
from paper_tables.rows import NORMALIZERS


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('runs', metavar='RUN', nargs='+', help='errors.json, folder or NAME=PATH')
    parser.add_argument('--out', required=True, help='picture: .png, .pdf or .svg')
    parser.add_argument('--normalizer', help="such as inter_pupil; default: the first run's first")
    parser.add_argument('--subset', default='full', help='such as challenge; default: full')
    parser.add_argument(
        '--threshold', type=float, default=10.0, help='right end of the axis, percent; default: 10'
    )
    parser.add_argument('--title', help='above the plot')
    return parser.parse_args()


def find_files(runs: list[str]) -> dict[str, Path]:
    """Return each run's file by its name in the legend.

    Raises:
        RunError: If there is no such file, or a name comes twice.
    """
    files: dict[str, Path] = {}
    for run in runs:
        name, path = run.split('=', 1) if '=' in run and not Path(run).exists() else ('', run)
        path = Path(path)
        path = path / ERRORS if path.is_dir() else path
        if not path.is_file():
            raise RunError(f'{path}: no such file; tools/test.py writes {ERRORS}')
        name = name or path.resolve().parent.name
        if name in files:
            raise RunError(f'{path}: a second run called {name!r}; say NAME={path}')
        files[name] = path
    return files


def is_errors_file(content: Any) -> bool:
    """Whether it has what `FaceAlignmentMetric` writes, with one image and normaliser at least."""
    if not isinstance(content, dict) or not content.get('normalizers') or not content.get('images'):
        return False
    needed = {'errors', 'subsets'}
    return all(isinstance(image, dict) and needed <= set(image) for image in content['images'])


def read_runs(args: argparse.Namespace) -> tuple[dict[str, list[float]], str]:
    """Return errors in percent by run, and the normaliser they are divided by."""
    files, normalizer = find_files(args.runs), args.normalizer
    errors = {}
    for name, path in files.items():
        content = read_json(path)
        if not is_errors_file(content):
            raise RunError(f'{path}: not what FaceAlignmentMetric writes to its errors_file')
        normalizer = normalizer or content['normalizers'][0]
        errors[name] = read_errors(path, normalizer, args.subset)
    return errors, normalizer


def main() -> int:
    """Read the errors, draw the curves."""
    args = parse_args()
    try:
        errors, normalizer = read_runs(args)
        plot_ced(
            errors, args.out, args.threshold, args.title, NORMALIZERS.get(normalizer, normalizer)
        )
    except (ValueError, OSError) as error:
        print(f'plot_ced: {error}', file=sys.stderr)
        return 1
    counts = ', '.join(f'{name} {len(values)}' for name, values in errors.items())
    print(f'{args.out}: {args.subset}, {normalizer}, faces: {counts}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
