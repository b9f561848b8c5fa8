"""The comparison of several runs as a Markdown table, in the form of the paper's."""

from collections.abc import Mapping, Sequence

from mhhn_mmpose.evaluation.samples import WHOLE_SET

# The paper's order; other subsets come between these and the whole set, which closes the table.
FIRST_SUBSETS = ('common', 'challenge')
LEGEND = (
    'NME: mean ± standard deviation over the images, in percent of the {normalizer} distance.'
    ' FR: percent of the images with an error above {threshold:g} %.'
    ' AUC: area under the cumulative error distribution from 0 to {threshold:g} %, in [0, 1].'
)


def comparison_table(runs: Mapping[str, Mapping[str, float]], normalizer: str) -> str:
    """Write one row per run and three columns per subset: NME +- std, failure rate, AUC.

    A subset that no run has is no column; one that a run lacks is a dash in its row.

    Args:
        runs: What `FaceAlignmentMetric` returned, without a prefix of its own, by the run's name.
        normalizer: Which of its normalisers, such as ``'inter_ocular'``.

    Returns:
        The table, padded so that it also reads well on a terminal; see `LEGEND` for the units.

    Raises:
        ValueError: If no run was scored with the normaliser.
    """
    subsets = _subsets(runs, normalizer)
    if not subsets:
        raise ValueError(f'none of the runs {", ".join(runs)} was scored with {normalizer!r}')
    header = ['']
    for subset in subsets:
        header += [f'{subset.capitalize()} NME', 'FR', 'AUC']
    rows = [
        [name] + [cell for subset in subsets for cell in _cells(metrics, f'{subset}/{normalizer}')]
        for name, metrics in runs.items()
    ]
    return markdown(header, rows)


def _subsets(runs: Mapping[str, Mapping[str, float]], normalizer: str) -> list[str]:
    """Return the subsets in the table's order."""
    found: dict[str, None] = {}
    for metrics in runs.values():
        for key in metrics:
            subset, *rest = key.split('/')
            if rest == [normalizer, 'NME']:
                found[subset] = None
    first = [subset for subset in FIRST_SUBSETS if subset in found]
    others = [subset for subset in found if subset not in (*first, WHOLE_SET)]
    return first + others + [WHOLE_SET] * (WHOLE_SET in found)


def _cells(metrics: Mapping[str, float], key: str) -> list[str]:
    """Return the three cells of a subset."""
    if f'{key}/NME' not in metrics:
        return ['-'] * 3
    nme, std, failures, auc = (
        metrics[f'{key}/{score}'] for score in ('NME', 'NME_std', 'FR', 'AUC')
    )
    return [f'{nme:.2f} ± {std:.2f}', f'{failures:.2f}', f'{auc:.3f}']


def markdown(
    header: Sequence[str], rows: Sequence[Sequence[str]], text: Sequence[int] = (0,)
) -> str:
    """Return a table, padded so that it also reads well on a terminal.

    Args:
        header: Of the columns.
        rows: As many cells each.
        text: Columns that stand to the left; the others, numbers, to the right.
    """
    rows = [[cell.replace('|', '\\|') for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.ljust(width) if index in text else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return f'| {" | ".join(padded)} |\n'

    rule = ['-' * w if i in text else '-' * (w - 1) + ':' for i, w in enumerate(widths)]
    return ''.join(line(cells) for cells in (header, rule, *rows))
