"""Writes the generated faces in the layout of the 300W archives."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from tqdm import tqdm

from mhhn_mmpose.datasets.generated_faces import write_300w_archive


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('out', help='folder to make, for instance data/300w_generated')
    parser.add_argument('--train', type=int, default=480, help='training faces')
    parser.add_argument('--common', type=int, default=96, help='common test faces')
    parser.add_argument('--challenge', type=int, default=48, help='challenging test faces')
    parser.add_argument('--seed', type=int, default=0, help='chooses another set')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Writes the set, or says that it is there already."""
    args = parse_args(argv)
    total = args.train + args.common + args.challenge
    with tqdm(total=total, unit='face') as bar:
        try:
            written = write_300w_archive(
                args.out,
                num_train=args.train,
                num_common=args.common,
                num_challenge=args.challenge,
                seed=args.seed,
                progress=lambda done, _: bar.update(done - bar.n),
            )
        except ValueError as error:
            raise SystemExit(f'generate_faces: {error}') from error
    print(f'wrote {total} faces to {args.out}' if written else f'{args.out} is complete already')


if __name__ == '__main__':
    main()
