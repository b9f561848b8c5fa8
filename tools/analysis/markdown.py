"""A table in Markdown that also reads well on a terminal."""

from collections.abc import Sequence


def markdown(
    header: Sequence[str], rows: Sequence[Sequence[str]], text: Sequence[int] = (0,)
) -> str:
    """Return a padded table.

    Args:
        header: Of the columns.
        rows: As many cells each.
        text: Columns that stand to the left; the others, numbers, to the right.

    >>> print(markdown(['model', 'NME'], [['HGs', '5.04']]))
    | model |  NME |
    | ----- | ---: |
    | HGs   | 5.04 |
    """
    rows = [[cell.replace('|', '\\|') for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.ljust(width) if index in text else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return f'| {" | ".join(padded)} |'

    rule = ['-' * w if i in text else '-' * (w - 1) + ':' for i, w in enumerate(widths)]
    return '\n'.join(line(cells) for cells in (header, rule, *rows))
