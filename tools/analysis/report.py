"""Print the paper's tables with our runs beside the published numbers, as Markdown.

Each WORK_DIR is searched at every depth for runs: folders with metrics.json, which tools/test.py
writes, or the log of a training, whose last validation is then shown and marked as such. Their
configs, which MMEngine writes there, are read, which executes them.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from paper_tables.conditions import RunError
from paper_tables.report import write_report
from paper_tables.rows import TABLES
from paper_tables.runs import find_runs


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('work_dirs', metavar='WORK_DIR', nargs='+', help='folder of runs')
    parser.add_argument('--out', type=Path, help='file to write as well, such as report.md')
    parser.add_argument('--table', nargs='+', choices=list(TABLES), help='which; default: all')
    return parser.parse_args()


def main() -> int:
    """Find the runs, write the report."""
    args = parse_args()
    try:
        text = write_report(find_runs(args.work_dirs), args.table)
        if args.out:
            args.out.parent.mkdir(parents=True, exist_ok=True)
            args.out.write_text(text, encoding='utf-8')
    except (RunError, OSError) as error:
        print(f'report: {error}', file=sys.stderr)
        return 1
    print(text, end='')
    return 0


if __name__ == '__main__':
    sys.exit(main())
