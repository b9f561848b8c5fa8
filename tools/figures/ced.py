"""Cumulative error distribution (CED) curves; errors are in percent of a normaliser."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mhhn_mmpose.evaluation.functional import summarize

# Okabe and Ito's palette, which colour-blind readers can tell apart, without its pale yellow.
COLORS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#000000', '#E69F00', '#56B4E9')
# 7 colours and 4 dashes have no common factor: 28 runs before a pair repeats.
DASHES = ('-', '--', '-.', ':')
DPI = 200


def read_errors(errors_file: str | Path, normalizer: str, subset: str = 'full') -> np.ndarray:
    """Read what `FaceAlignmentMetric` wrote to its ``errors_file``.

    Args:
        errors_file: The JSON file.
        normalizer: One of the file's normalisers, such as ``'inter_ocular'``.
        subset: One of the file's subsets, or ``'full'``.

    Returns:
        Errors (N,) of the subset's images, percent, in the order of their ids.

    Raises:
        ValueError: If the file has no such normaliser or subset.
    """
    content = json.loads(Path(errors_file).read_text(encoding='utf-8'))
    if normalizer not in content['normalizers']:
        known = ', '.join(content['normalizers'])
        raise ValueError(f'{errors_file} has no normaliser {normalizer!r}, only {known}')
    images = [i for i in content['images'] if subset == 'full' or subset in i['subsets']]
    if not images:
        known = ', '.join(sorted({'full'}.union(*(i['subsets'] for i in content['images']))))
        raise ValueError(f'{errors_file} has no subset {subset!r}, only {known}')
    return np.array([image['errors'][normalizer] for image in images])


def plot_ced(
    runs: Mapping[str, Sequence[float]],
    out_file: str | Path,
    threshold: float = 10.0,
    title: str | None = None,
    normalizer: str | None = None,
) -> None:
    """Draw one CED curve per run, with NME, AUC and failure rate in the legend.

    The curve is the exact step function: at x, the share of images with an error of x or less.

    Args:
        runs: Errors (N,) in percent by the run's name, in the legend's order.
        out_file: Where to draw it; the suffix chooses the form (png, pdf, svg).
        threshold: Right end of the x axis, and of AUC and failure rate, percent.
        title: Above the plot.
        normalizer: Named on the x axis, such as ``'inter-ocular'``.

    Raises:
        ValueError: If there is no run, or a run has no errors or an impossible one.
    """
    _check(runs, threshold)
    figure = Figure(figsize=(6.4, 3.9 + 0.2 * len(runs)), layout='constrained')  # inch
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for index, (name, errors) in enumerate(runs.items()):
        x, y = ced_steps(errors, threshold)
        axes.plot(
            x,
            100 * y,
            drawstyle='steps-post',
            color=COLORS[index % len(COLORS)],
            linestyle=DASHES[index % len(DASHES)],
            linewidth=1.8,
            label=_label(name, errors, threshold),
        )
    axes.set(xlim=(0, threshold), ylim=(0, 100), ylabel='images (%)', title=title)
    axes.set_xlabel(f'NME (% of {normalizer})' if normalizer else 'NME (%)')
    axes.grid(color='0.85', linewidth=0.6)
    # Below the axes: inside, it would hide the curves where there are several.
    figure.legend(loc='outside lower center', ncols=1, frameon=False, fontsize='small')
    Path(out_file).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out_file, dpi=DPI)


def ced_steps(errors: Sequence[float], threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the CED's corners ``(x, y)``, for drawing with steps that follow the point.

    Args:
        errors: One per image, (N,), percent.
        threshold: Where the curve ends, percent.

    Returns:
        x from 0 to the threshold, and the share of images with an error of x or less.
    """
    ordered = np.sort(np.asarray(errors, dtype=np.float64))
    inside = ordered[ordered <= threshold]
    share = np.arange(1, len(inside) + 1) / len(ordered)
    last = share[-1] if len(share) else 0.0
    return np.r_[0.0, inside, threshold], np.r_[0.0, share, last]


def _label(name: str, errors: Sequence[float], threshold: float) -> str:
    """Return a run's line in the legend."""
    scores = summarize(np.asarray(errors, dtype=np.float64), threshold)
    return f'{name}:  NME {scores["NME"]:.2f} %,  AUC {scores["AUC"]:.3f},  FR {scores["FR"]:.2f} %'


def _check(runs: Mapping[str, Sequence[float]], threshold: float) -> None:
    """Refuse what cannot be drawn."""
    if not 0 < threshold < float('inf'):
        raise ValueError(f'threshold is in percent, above 0, got {threshold}')
    if not runs:
        raise ValueError('runs is empty: give the errors of one run at least')
    for name, errors in runs.items():
        values = np.asarray(errors, dtype=np.float64)
        if values.ndim != 1 or not len(values):
            raise ValueError(f'run {name!r}: errors (N,) expected, got shape {values.shape}')
        bad = values[~(np.isfinite(values) & (values >= 0))]
        if len(bad):
            raise ValueError(f'run {name!r}: errors are finite and >= 0, got {bad[0]}')
