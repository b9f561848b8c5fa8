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

from mhhn_mmpose.apis.model_loading import load_config

NUM_FACES = 6
LEGEND = (
    'NME: mean ± standard deviation over the images. FR: percent of the images with an error above'
    ' 10 %. AUC: area under the cumulative error distribution from 0 to 10 %, in [0, 1].'
)
DRAWN = (17, 30, 36, 54)  # of 300W's 68: end of a brow, nose tip, corner of an eye, of the mouth


def compare(
    configs: Mapping[str, str], checkpoints: Mapping[str, Path], root: Path, out: Path, header: str
) -> str:
    """Test the models, draw `ced.png`, `faces.png` and `heatmaps.png`; return the page.

    Configs of 300W's 68 landmarks and checkpoints are by the model's name, `root` is the converted
    300W, `out` the folder for everything, and `header` says what was trained on what.
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
    *_, last = errors.values()
    ranked = sorted(last, key=last.__getitem__)  # faces with small errors first
    count = min(NUM_FACES, len(ranked))
    chosen = [ranked[int((rank + 0.5) / count * len(ranked))] for rank in range(count)]
    draw_faces(models, chosen, out / 'faces.png')
    draw_heatmaps(models, chosen[1::2], DRAWN, out / 'heatmaps.png')
    parts = ['# HGs against MHHN, argmax against SDT', header.replace('\n', '  \n'), LEGEND]
    for key in ('inter_ocular', 'inter_pupil'):
        parts += [f'## Errors in percent of the {NORMALIZERS[key]}', scores_table(scores, key)]
    parts += ['\n'.join(f'![{p}]({p}.png)' for p in ('ced', 'faces', 'heatmaps'))]
    return '\n\n'.join(parts) + '\n'


def scores_table(scores: Mapping[str, Mapping[str, float]], normalizer: str) -> str:
    """Return the rows' NME on each subset that there is, FR and AUC on all faces."""
    first = next(iter(scores.values()))
    subsets = [s for s in ('common', 'challenge', 'full') if f'{s}/{normalizer}/NME' in first]
    rows = []
    for name, found in scores.items():
        nmes = (f'{subset}/{normalizer}/NME' for subset in subsets)
        cells = [f'{found[nme]:.2f} ± {found[f"{nme}_std"]:.2f}' for nme in nmes]
        fr, auc = (found[f'full/{normalizer}/{key}'] for key in ('FR', 'AUC'))
        rows.append([name, *cells, f'{fr:.2f}', f'{auc:.3f}'])
    return markdown(['NME', *map(str.capitalize, subsets), 'FR, Full', 'AUC, Full'], rows)
