"""Test a model once and decode its heatmaps twice, by argmax and by SDT.

OUT/argmax and OUT/sdt get metrics.json and errors.json, as tools/test.py writes them, and OUT/sdt
corrections.json: how often SDT moves a landmark by a heatmap pixel or more from the argmax, how
far, and whether the move leads closer to the truth. tools/analysis/report.py shows them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from mmengine.config import DictAction
from mmpose.registry import KEYPOINT_CODECS

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analysis.errors_file import CORRECTIONS, ERRORS, METRICS
from analysis.models import TestedModel, to_input, to_photo, true_points

from mhhn_landmarks.errors import InputError, exit_on_input_error
from mhhn_landmarks.fileio import write_bytes, write_json_files
from mhhn_landmarks.models import config_and_checkpoint
from mhhn_mmpose.apis.loading import load_config

DECODERS = {'argmax': 'ArgmaxHeatmap', 'sdt': 'SDTHeatmap'}
PIXEL = 1.0  # heatmap pixels: from here on a move counts


def describe_moves(
    argmax: np.ndarray, sdt: np.ndarray, truth: np.ndarray, visible: np.ndarray
) -> dict[str, float]:
    """Say what SDT changed; N faces, K landmarks, points are (x, y) in heatmap pixels.

    Args:
        argmax: Where the maps are largest, (N, K, 2).
        sdt: Decoded by SDT, (N, K, 2).
        truth: Annotated landmarks, (N, K, 2).
        visible: Which of them count, bool (N, K).

    Returns:
        ``moved``, percent of all landmarks that SDT moves by a pixel or more; of these,
        ``distance``, their mean move in pixels, ``closer`` and ``farther``, percent that come
        closer to the truth or go away from it, and ``gain``, by how many pixels their error falls
        in the mean.
    """
    moves = np.linalg.norm(sdt - argmax, axis=-1)
    before, after = (np.linalg.norm(p - truth, axis=-1) for p in (argmax, sdt))
    chosen = visible & (moves >= PIXEL)
    gain = (before - after)[chosen]
    if not len(gain):
        return dict(moved=0.0, distance=0.0, closer=0.0, farther=0.0, gain=0.0)
    return dict(
        moved=100 * float(chosen.sum() / visible.sum()),
        distance=float(moves[chosen].mean()),
        closer=100 * float((gain > 0).mean()),
        farther=100 * float((gain < 0).mean()),
        gain=float(gain.mean()),
    )


def decode(model: TestedModel, out: Path) -> dict[str, dict[str, float]]:
    """Test a model once, decode by argmax and by SDT, write what the two came to.

    Args:
        model: Its decoder is `SDTHeatmap` or `ArgmaxHeatmap`.
        out: Folder for the results.

    Returns:
        The scores by the decoder's name, and what SDT moved under ``'corrections'``.

    Raises:
        InputError: If the decoder is another.
    """
    config, decoder = model.config, model.decoder
    if decoder.type not in DECODERS.values():
        raise InputError(
            f'{config.filename}: decoder {decoder.type}; set it to SDTHeatmap by --cfg-options'
        )
    codecs = {n: KEYPOINT_CODECS.build({**decoder, 'type': t}) for n, t in DECODERS.items()}
    metrics = {name: model.metric(errors_file=str(out / name / ERRORS)) for name in DECODERS}
    found: dict[str, list[np.ndarray]] = {name: [] for name in (*DECODERS, 'truth', 'visible')}
    for samples in model.batches():
        heatmaps = torch.stack([sample.pred_fields.heatmaps for sample in samples]).cpu()
        points = {name: codec.batch_decode(heatmaps)[0] for name, codec in codecs.items()}
        for index, sample in enumerate(samples):
            truth = true_points(sample)
            visible = np.asarray(sample.gt_instances.keypoints_visible).reshape(len(truth), -1)
            found['truth'].append(to_input(sample, truth))
            found['visible'].append(visible[:, 0] > 0)
            del sample.pred_fields  # all heatmaps, which the metric does not need
            for name in DECODERS:
                found[name].append(points[name][index][0])
                sample.pred_instances.keypoints = to_photo(sample, found[name][-1])[None]
                metrics[name].process(None, [sample.to_dict()])
    scores = {name: metric.evaluate(len(model.ids)) for name, metric in metrics.items()}
    size_hm = np.array(decoder.heatmap_size) / decoder.input_size  # heatmap per input px
    moved = [np.stack(found[name]) * size_hm for name in (*DECODERS, 'truth')]
    scores['corrections'] = describe_moves(*moved, np.stack(found['visible']))
    write_json_files({out / name / METRICS: scores[name] for name in DECODERS})
    write_json_files({out / 'sdt' / CORRECTIONS: scores['corrections']})
    for name, kind in DECODERS.items():
        written = config.copy()
        written.model.head.decoder.type, written.load_from = kind, str(model.checkpoint)
        config_file = out / name / Path(config.filename or 'config.py').name
        write_bytes(config_file, written.pretty_text.encode())
    return scores


def main() -> None:
    """Test, decode, say what came out."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='tiny, best, or a config')
    parser.add_argument('checkpoint', nargs='?', help='its weights')
    parser.add_argument('out', type=Path, help='folder for the results')
    parser.add_argument('--device', default='cpu')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='config overrides, key=value'
    )
    args = parser.parse_args()
    name, checkpoint = config_and_checkpoint(args.config, args.checkpoint)
    config = load_config(name)
    config.merge_from_dict(args.cfg_options or {})
    scores = decode(TestedModel(config, checkpoint, args.device), args.out)
    for name in DECODERS:
        nme = {key: value for key, value in scores[name].items() if key.endswith('/NME')}
        print(name, ', '.join(f'{key} {value:.2f}' for key, value in nme.items()))
    moves = scores['corrections']
    print(
        f'SDT moves {moves["moved"]:.1f}% of the landmarks by a heatmap pixel or more, by'
        f' {moves["distance"]:.2f} in the mean: {moves["closer"]:.0f}% of them closer to the'
        f' truth, {moves["farther"]:.0f}% away from it; their error falls by {moves["gain"]:.2f}'
    )


if __name__ == '__main__':
    exit_on_input_error('decoders', main)
