"""Draw loss and validation error of several trainings, by epoch.

Each WORK_DIR is that of a training, or NAME=WORK_DIR for another name in the legend. A training
that was stopped and resumed is one curve.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from figures.curves import Curves, choose_score, plot_curves, read_curves
from paper_tables.conditions import RunError


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('runs', metavar='WORK_DIR', nargs='+', help='folder, or NAME=folder')
    parser.add_argument('--out', required=True, help='picture: .png, .pdf or .svg')
    parser.add_argument('--score', help='such as full/inter_pupil/NME; default: the first there is')
    parser.add_argument('--title', help='above the picture')
    return parser.parse_args()


def read_runs(runs: list[str]) -> dict[str, Curves]:
    """Return each run's curves by its name.

    Raises:
        RunError: If a folder is no training's, or a name comes twice.
    """
    found: dict[str, Curves] = {}
    for run in runs:
        name, path = run.split('=', 1) if '=' in run and not Path(run).exists() else ('', run)
        name = name or Path(path).resolve().name
        if name in found:
            raise RunError(f'{path}: a second run called {name!r}; say NAME={path}')
        found[name] = read_curves(path)
    return found


def main() -> int:
    """Read the logs, draw the curves."""
    args = parse_args()
    try:
        runs = read_runs(args.runs)
        score = choose_score(runs, args.score)
        plot_curves(runs, args.out, score, args.title)
    except (RunError, OSError, ValueError) as error:
        print(f'training_curves: {error}', file=sys.stderr)
        return 1
    epochs = ', '.join(f'{name} {len(curves.loss)}' for name, curves in runs.items())
    print(f'{args.out}: loss and {score or "no validation score"}; epochs: {epochs}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
