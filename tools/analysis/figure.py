"""Helpers that the plots share."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from mhhn_landmarks.errors import InputError

# Okabe and Ito's palette, which colour-blind readers can tell apart, without its pale yellow.
COLORS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#000000', '#E69F00', '#56B4E9')


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches."""
    return Figure(figsize=(width, height), layout='constrained')


def save_figure(figure: Figure, out_file: str | Path, dpi: int) -> None:
    """Write a figure as png, jpg, pdf or svg, by its suffix, or raise `InputError`."""
    out = Path(out_file)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(out, dpi=dpi)
    except (OSError, ValueError) as error:
        raise InputError(f'{out}: cannot be written ({error})') from error
