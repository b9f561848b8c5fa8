"""The quickstart's table and pictures: models side by side, each decoded by argmax and by SDT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from analysis.decoders import decode
from analysis.errors_file import ErrorsFile, read_errors
from analysis.face_grid import FacePanel, plot_face_grid
from analysis.heatmap_grid import HeatmapRow, absolute_heatmaps, plot_heatmap_grid
from analysis.markdown import markdown
from analysis.paper_tables import NORMALIZERS
from analysis.plot_ced import plot_ced
from analysis.predictor import photo_of, predicted_points, true_heatmaps, true_points
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmpose.structures import PoseDataSample

from mhhn_mmpose.apis.loading import load_config
from mhhn_mmpose.visualization.heatmaps import heatmap_box

VALID = 'annotations/face_landmarks_300w_valid.json'
TITLES = {'argmax': 'argmax', 'sdt': 'SDT'}
SUBSETS = ('common', 'challenge', 'full')
NUM_FACES = 6
DRAWN = (17, 30, 36, 54)  # of 300W's 68: end of a brow, nose tip, corner of an eye, of the mouth
LEGEND = (
    'NME: mean ± standard deviation over the images, in percent of the {}. FR: percent of the'
    ' images with an error above 10 %. AUC: area under the cumulative error distribution from 0 to'
    ' 10 %, in [0, 1].'
)
Kept = dict[int, tuple[PoseDataSample, np.ndarray]]


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
    scores, kept, settings = {}, {}, {}
    for name, file in configs.items():
        config = settings[name] = load_config(file)
        config.test_dataloader.dataset.data_root = f'{root}/'
        config.test_dataloader.update(num_workers=0, persistent_workers=False)
        config.test_evaluator.ann_file = str(root / VALID)
        found: Kept = {}

        def keep(sample: PoseDataSample, heatmaps: np.ndarray, found: Kept = found) -> None:
            del sample.pred_fields  # all 68 maps
            found[sample.id] = sample, heatmaps[list(DRAWN)]

        folder = out / name.lower() / 'test'
        tests = decode(config, checkpoints[name], folder, visit=keep)
        scores |= {f'{name}, {TITLES[d]}': tests[d] for d in TITLES}
        kept[name] = found
        moves = tests['corrections']
        header += (
            f'\n{name}: SDT moves {moves["moved"]:.1f}% of the landmarks by a heatmap pixel or'
            f' more, {moves["closer"]:.0f}% of these closer to the truth.'
        )
    draw(settings, kept, out)
    parts = ['# HGs against MHHN, argmax against SDT', header.replace('\n', '  \n')]
    for key in ('inter_ocular', 'inter_pupil'):
        parts += [f'## Errors in percent of the {NORMALIZERS[key]}', scores_table(scores, key)]
        parts += [LEGEND.format(NORMALIZERS[key])]
    parts += ['\n'.join(f'![{p}]({p}.png)' for p in ('ced', 'faces', 'heatmaps'))]
    return '\n\n'.join(parts) + '\n'


def scores_table(scores: Mapping[str, Mapping[str, float]], normalizer: str) -> str:
    """Return NME, FR and AUC of each row on each subset that there is."""
    first = next(iter(scores.values()))
    subsets = [s for s in SUBSETS if f'{s}/{normalizer}/NME' in first]
    rows = []
    for name, found in scores.items():
        row = [name]
        for subset in subsets:
            nme, std, failures, auc = (
                found[f'{subset}/{normalizer}/{key}'] for key in ('NME', 'NME_std', 'FR', 'AUC')
            )
            row += [f'{nme:.2f} ± {std:.2f}', f'{failures:.2f}', f'{auc:.3f}']
        rows.append(row)
    columns = [cell for s in subsets for cell in (f'{s.capitalize()} NME', 'FR', 'AUC')]
    return markdown(['', *columns], rows)


def draw(settings: Mapping[str, Config], kept: Mapping[str, Kept], out: Path) -> None:
    """Draw the three pictures."""
    errors = {
        (name, decoder): read_errors(out / name.lower() / 'test' / decoder)
        for name in settings
        for decoder in TITLES
    }
    curves = {f'{n}, {TITLES[d]}': found.errors() for (n, d), found in errors.items()}
    plot_ced(curves, out / 'ced.png', 10.0, 'Test faces', NORMALIZERS['inter_ocular'])
    sdt = {name: errors[name, 'sdt'] for name in settings}
    chosen = choose_faces(next(reversed(sdt.values())), NUM_FACES)
    rows = {}
    for name, found in sdt.items():
        nme = {image['id']: image for image in found.images}
        rows[f'{name}, SDT'] = [_face(kept[name][face][0], nme[face]) for face in chosen]
    plot_face_grid(rows, out / 'faces.png', 'Test faces, NME in % of the inter-ocular distance')
    grid = [row for face in chosen[1::2] for row in heatmap_rows(settings, kept, face)]
    title = f'Landmarks {", ".join(map(str, DRAWN))}: over the face, and bare; + annotated'
    plot_heatmap_grid(grid, out / 'heatmaps.png', title)


def choose_faces(errors: ErrorsFile, count: int) -> list[int]:
    """Choose faces without favour: of each subset those at evenly spaced ranks of the error.

    Returns:
        Ids, subset by subset, the smallest error of each first; ``count`` at most.
    """
    subsets: dict[str, list[int]] = {name: [] for name in SUBSETS[:2]}
    for image in reversed(errors.worst(len(errors.images))):
        subsets.setdefault(''.join(image['subsets'][:1]), []).append(image['id'])
    found = [ids for ids in subsets.values() if ids]
    chosen = []
    for ids in found:
        take = min(max(count // len(found), 1), len(ids))
        chosen += [ids[int((rank + 0.5) / take * len(ids))] for rank in range(take)]
    return chosen


def heatmap_rows(
    settings: Mapping[str, Config], kept: Mapping[str, Kept], face: int
) -> Sequence[HeatmapRow]:
    """Return one face's rows: the truth, then each model."""
    drawn, rows = list(DRAWN), []
    for name, config in settings.items():
        decoder = config.model.head.decoder
        sample, heatmaps = kept[name][face]
        photo, points = photo_of(sample), true_points(sample)[drawn]
        box = heatmap_box(sample.input_center, sample.input_scale, decoder.input_size)
        if not rows:
            truth = true_heatmaps(decoder, sample)[drawn]
            rows.append(HeatmapRow('truth', photo, points, box, truth))
        maps = absolute_heatmaps(heatmaps, decoder.get('activation'), decoder.sigma)
        rows.append(HeatmapRow(name, photo, points, box, maps))
    return rows


def _face(sample: PoseDataSample, image: Mapping) -> FacePanel:
    """Return a face with its error for a title."""
    title = f'{", ".join(image["subsets"])}: {image["errors"]["inter_ocular"]:.1f} %'
    return FacePanel(photo_of(sample), true_points(sample), predicted_points(sample), title)
