"""Writes generated faces in the layout of a dataset's original archives."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from generated_faces import (
    write_300w_archive,
    write_aflw_archive,
    write_cofw_archive,
    write_wflw_archive,
)

WRITERS = dict(aflw=write_aflw_archive, cofw=write_cofw_archive, wflw=write_wflw_archive)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('out', type=Path, help='folder to make, for instance data/300w_generated')
    parser.add_argument('--dataset', choices=['300w', *WRITERS], default='300w')
    parser.add_argument('--train', type=int, default=480, help='training faces')
    parser.add_argument('--common', type=int, default=96, help="300W's common test faces")
    parser.add_argument('--challenge', type=int, default=48, help="300W's challenging test faces")
    parser.add_argument('--test', type=int, help="other datasets' test faces; default: 96")
    parser.add_argument('--seed', type=int, default=0, help='chooses another set')
    args = parser.parse_args(argv)
    if args.dataset == '300w' and args.test is not None:
        parser.error("300W's test faces are --common and --challenge")
    return args


def write_300w(args: argparse.Namespace) -> bool:
    """Writes 300W's layout, which is large enough by default to need a progress bar."""
    with tqdm(total=args.train + args.common + args.challenge, unit='face') as bar:
        return write_300w_archive(
            args.out,
            num_train=args.train,
            num_common=args.common,
            num_challenge=args.challenge,
            seed=args.seed,
            progress=lambda done, _: bar.update(done - bar.n),
        )


def main(argv: Sequence[str] | None = None) -> None:
    """Writes the set, or says that it is there already."""
    args = parse_args(argv)
    try:
        if args.dataset == '300w':
            written = write_300w(args)
        else:
            write = WRITERS[args.dataset]
            written = write(
                args.out, num_train=args.train, num_test=args.test or 96, seed=args.seed
            )
    except ValueError as error:
        raise SystemExit(f'generate_faces: {error}') from error
    print(f'wrote {args.out}' if written else f'{args.out} is complete already')


if __name__ == '__main__':
    main()
