"""Write generated faces in the layout of a dataset's original archives."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from generated_faces import write_archive

from mhhn_landmarks.errors import exit_on_input_error


def main() -> None:
    """Parse, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('out', type=Path, help='folder to make, for instance data/300w_generated')
    parser.add_argument('--dataset', choices=('300w', 'aflw', 'cofw', 'wflw'), default='300w')
    parser.add_argument('--train', type=int, default=480, help='training faces')
    parser.add_argument('--common', type=int, default=96, help="300W's common test faces")
    parser.add_argument('--challenge', type=int, default=48, help="300W's challenging test faces")
    parser.add_argument('--test', type=int, help="other datasets' test faces; default: 96")
    parser.add_argument('--seed', type=int, default=0, help='chooses another set')
    args = parser.parse_args()
    test = dict(test=96 if args.test is None else args.test)
    if args.dataset == '300w':
        if args.test is not None:
            parser.error("300W's test faces are --common and --challenge")
        test = dict(common=args.common, challenge=args.challenge)
    write_archive(args.dataset, args.out, seed=args.seed, train=args.train, **test)
    print(f'wrote {args.out}')


if __name__ == '__main__':
    raise SystemExit(exit_on_input_error('generate_faces', main))
