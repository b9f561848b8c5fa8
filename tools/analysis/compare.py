"""The quickstart's table and pictures: models side by side, each decoded by argmax and by SDT."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from analysis.decoders import decode
from analysis.errors_file import read_errors
from analysis.markdown import markdown
from analysis.panels import draw_faces, draw_heatmaps, open_model
from analysis.paper_tables import NORMALIZERS
from analysis.plot_ced import plot_ced
from mmengine.logging import MMLogger

from mhhn_mmpose.apis.loading import load_config

NUM_FACES = 6
LEGEND = (
    'NME: mean ± standard deviation over the images. FR: percent of the images with an error above'
    ' 10 %. AUC: area under the cumulative error distribution from 0 to 10 %, in [0, 1].'
)
DRAWN = (17, 30, 36, 54)  # of 300W's 68: end of a brow, nose tip, corner of an eye, of the mouth


def compare(
    configs: Mapping[str, str], checkpoints: Mapping[str, Path], root: Path, out: Path, header: str
) -> str:
    """Test the models, draw ``ced.png``, ``faces.png`` and ``heatmaps.png``; return the page.

    Args:
        configs: Config file by the model's name; 300W's 68 landmarks.
        checkpoints: Weights by the model's name.
        root: Of the converted 300W.
        out: Folder for everything.
        header: Says what was trained on what.
    """
    torch.set_num_threads(2)
    MMLogger.get_current_instance().setLevel('WARNING')
    models, scores, errors = [], {}, {}
    for name, file in configs.items():
        config = load_config(file)
        data = config.test_dataloader.dataset
        data.data_root, config.test_evaluator.ann_file = f'{root}/', str(root / data.ann_file)
        models.append(open_model(name, config, checkpoints[name]))
        folder = out / name.lower() / 'test'
        tested, moves = decode(config, checkpoints[name], out=folder)
        for decoder, found in tested.items():
            scores[f'{name}, {decoder}'] = found
            errors[f'{name}, {decoder}'], _ = read_errors(folder / decoder)
        header += f'\n{name}: {moves}'
    curves = {row: [*found.values()] for row, found in errors.items()}
    plot_ced(curves, out / 'ced.png', NORMALIZERS['inter_ocular'])
    chosen = choose_faces(next(reversed(errors.values())), NUM_FACES)
    draw_faces(models, chosen, out / 'faces.png')
    draw_heatmaps(models, chosen[1::2], DRAWN, out / 'heatmaps.png')
    parts = ['# HGs against MHHN, argmax against SDT', header.replace('\n', '  \n'), LEGEND]
    for key in ('inter_ocular', 'inter_pupil'):
        parts += [f'## Errors in percent of the {NORMALIZERS[key]}', scores_table(scores, key)]
    parts += ['\n'.join(f'![{p}]({p}.png)' for p in ('ced', 'faces', 'heatmaps'))]
    return '\n\n'.join(parts) + '\n'


def scores_table(scores: Mapping[str, Mapping[str, float]], normalizer: str) -> str:
    """Return NME, FR and AUC of each row on each subset that there is."""
    first = next(iter(scores.values()))
    subsets = [s for s in ('common', 'challenge', 'full') if f'{s}/{normalizer}/NME' in first]
    header = [cell for s in subsets for cell in (f'{s.capitalize()} NME', 'FR', 'AUC')]
    rows = []
    for name, found in scores.items():
        row = [name]
        for subset in subsets:
            values = (found[f'{subset}/{normalizer}/{k}'] for k in ('NME', 'NME_std', 'FR', 'AUC'))
            row += '{:.2f} ± {:.2f}|{:.2f}|{:.3f}'.format(*values).split('|')
        rows.append(row)
    return markdown(['', *header], rows)


def choose_faces(errors: Mapping[int, float], count: int) -> list[int]:
    """Return ids of faces at evenly spaced ranks of the error, the smallest first."""
    order = sorted(errors, key=errors.__getitem__)
    count = min(count, len(order))
    return [order[int((rank + 0.5) / count * len(order))] for rank in range(count)]
