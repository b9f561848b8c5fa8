"""Convert the original 300W archives to the annotation files MMPose reads."""

import argparse
import sys

from mhhn_mmpose.datasets.converters.face_300w import convert_300w

DESCRIPTION = """\
Convert the original 300W archives to the annotation files MMPose reads.

Get the archives (AFW, HELEN, LFPW, IBUG, and the 300W test set if you want it) from
https://ibug.doc.ic.ac.uk/resources/300-W/ ; they are free for research only, which you
accept there. Unpack them side by side:

  SOURCE/afw/                     337 faces   train
  SOURCE/helen/trainset/         2000         train
  SOURCE/lfpw/trainset/           811         train
  SOURCE/helen/testset/           330         valid, subset common
  SOURCE/lfpw/testset/            224         valid, subset common
  SOURCE/ibug/                    135         valid, subset challenge
  SOURCE/300W/01_Indoor/          300         test, subset indoor      (optional)
  SOURCE/300W/02_Outdoor/         300         test, subset outdoor     (optional)

each face as NAME.pts beside NAME.jpg or NAME.png. A part of it works too, with a warning.
"""

EPILOG = """\
Written: OUT/annotations/face_landmarks_300w_{train,valid,test}.json. Photos are not copied:
OUT/images becomes a link to SOURCE, so MMPose's configs work with data_root='OUT/'.
Without the link, set data_prefix=dict(img='SOURCE/').
"""


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('source', metavar='SOURCE', help='where the archives were unpacked')
    parser.add_argument('out', metavar='OUT', help='data root to write, such as data/300w')
    parser.add_argument(
        '--skip-bad',
        action='store_true',
        help='leave faces with errors out; without it any error ends the run, nothing written',
    )
    return parser.parse_args()


def main() -> int:
    """Convert; return 0 if the files were written, else 1."""
    args = parse_args()
    written, problems = convert_300w(args.source, args.out, args.skip_bad)
    for message in problems.warnings:
        print(f'WARNING {message}', file=sys.stderr)
    for message in problems.errors:
        print(f'ERROR {message}', file=sys.stderr)
    for path, count in written.items():
        print(f'{path}: {count} faces')
    if problems.errors and written:
        print(f'left out: {len(problems.errors)} with errors', file=sys.stderr)
    elif not written:
        hint = '' if args.skip_bad else '; mend them or use --skip-bad'
        print(f'nothing written: {len(problems.errors)} errors{hint}', file=sys.stderr)
    return 0 if written else 1


if __name__ == '__main__':
    sys.exit(main())
