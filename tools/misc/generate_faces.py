"""Write generated faces in the layout of a dataset's original archives."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import generated_faces

DATASETS = ('300w', 'aflw', 'cofw', 'wflw')


def main(argv: Sequence[str] | None = None) -> None:
    """Write the set, or say that it is there already."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('out', type=Path, help='folder to make, for instance data/300w_generated')
    parser.add_argument('--dataset', choices=DATASETS, default='300w')
    parser.add_argument('--train', type=int, default=480, help='training faces')
    parser.add_argument('--common', type=int, default=96, help="300W's common test faces")
    parser.add_argument('--challenge', type=int, default=48, help="300W's challenging test faces")
    parser.add_argument('--test', type=int, help="other datasets' test faces; default: 96")
    parser.add_argument('--seed', type=int, default=0, help='chooses another set')
    args = parser.parse_args(argv)
    counts = dict(num_train=args.train, num_test=args.test or 96)
    if args.dataset == '300w':
        if args.test is not None:
            parser.error("300W's test faces are --common and --challenge")
        counts = dict(num_train=args.train, num_common=args.common, num_challenge=args.challenge)
    write = getattr(generated_faces, f'write_{args.dataset}_archive')
    with tqdm(total=sum(counts.values()), unit='face', disable=args.dataset != '300w') as bar:
        if args.dataset == '300w':  # large enough by default to need a bar
            counts['progress'] = lambda done, _: bar.update(done - bar.n)
        try:
            written = write(args.out, seed=args.seed, **counts)
        except ValueError as error:
            raise SystemExit(f'generate_faces: {error}') from error
    print(f'wrote {args.out}' if written else f'{args.out} is complete already')


if __name__ == '__main__':
    main()
