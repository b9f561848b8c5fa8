"""Draw the faces with the largest errors of a test: truth, prediction and error.

ERRORS is errors.json, which tools/test.py writes for this CONFIG and CHECKPOINT, or its folder.
"""

import argparse
import sys
from pathlib import Path

from mmengine.config import DictAction

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from figures.faces import FacePanel, plot_faces
from figures.predictions import (
    PredictionError,
    Predictor,
    predicted_points,
    read_photo,
    true_points,
    worst_faces,
)
from paper_tables.conditions import RunError
from paper_tables.rows import NORMALIZERS


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('errors', help='errors.json or its folder')
    parser.add_argument('--out', required=True, help='picture: .png, .pdf or .svg')
    parser.add_argument('--count', type=int, default=12, help='how many; default: 12')
    parser.add_argument('--columns', type=int, default=4, help='faces in a row; default: 4')
    parser.add_argument('--normalizer', help="such as inter_pupil; default: the file's first")
    parser.add_argument('--subset', default='full', help='such as challenge; default: full')
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='key=value')
    args = parser.parse_args()
    if args.count < 1 or args.columns < 1:
        parser.error('--count and --columns are 1 or more')
    return args


def draw(args: argparse.Namespace) -> str:
    """Draw the sheet, say what is on it."""
    errors, normalizer = worst_faces(args.errors, args.count, args.normalizer, args.subset)
    model = Predictor(args.config, args.checkpoint, args.cfg_options, args.device)
    panels = [
        FacePanel(
            read_photo(sample),
            true_points(sample),
            predicted_points(sample),
            f'{rank}. id {face}: {error:.1f} %',
        )
        for rank, ((face, error), sample) in enumerate(
            zip(errors.items(), model.predict(list(errors)), strict=True), start=1
        )
    ]
    rows = {  # blank names that differ
        ' ' * start: panels[start : start + args.columns]
        for start in range(0, len(panels), args.columns)
    }
    divisor = NORMALIZERS.get(normalizer, normalizer)
    title = f'{model.name}, {args.subset}: the {len(panels)} worst faces, error in % of {divisor}'
    plot_faces(rows, args.out, title)
    return f'{args.out}: {len(panels)} faces, {next(iter(errors.values())):.2f} % and less'


def main() -> int:
    """Draw."""
    args = parse_args()
    try:
        print(draw(args))
    except (PredictionError, RunError, OSError, ValueError) as error:
        print(f'worst_faces: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
