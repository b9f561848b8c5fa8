"""Test a model once and decode its heatmaps twice, by argmax and by SDT.

OUT/argmax and OUT/sdt get metrics.json and errors.json, as tools/test.py writes them, and OUT/sdt
corrections.json: how often SDT moves a landmark by a heatmap pixel or more from the argmax, how
far, and whether the move leads closer to the truth. tools/analysis/report.py shows them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config, DictAction
from mmengine.runner import Runner
from mmpose.registry import KEYPOINT_CODECS, METRICS
from mmpose.structures import PoseDataSample

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analysis.errors_file import ERRORS
from analysis.runs import CORRECTIONS
from analysis.runs import METRICS as METRICS_FILE

from mhhn_landmarks.errors import InputError, exit_on_input_error
from mhhn_landmarks.fileio import write_bytes, write_json_files
from mhhn_landmarks.models import config_and_checkpoint
from mhhn_mmpose.apis.loading import load_config, load_model

DECODERS = {'argmax': 'ArgmaxHeatmap', 'sdt': 'SDTHeatmap'}
PIXEL = 1.0  # heatmap pixels: from here on a move counts
Visit = Callable[[PoseDataSample, np.ndarray], None]


def test_batches(config: Config, checkpoint: str | Path, device: str) -> Iterator[tuple]:
    """Yield the test set by batches: samples, their heatmaps (B, K, H, W), the metainfo."""
    config = config.copy()
    config.model.setdefault('test_cfg', {})['output_heatmaps'] = True
    model = load_model(config, checkpoint, device)
    loader = Runner.build_dataloader(config.test_dataloader, seed=0)
    for batch in loader:
        with torch.inference_mode():
            samples = model.test_step(batch)
        heatmaps = torch.stack([sample.pred_fields.heatmaps for sample in samples])
        yield samples, heatmaps.cpu(), loader.dataset.metainfo


def to_photo(sample: PoseDataSample, points: np.ndarray) -> np.ndarray:
    """Return points (K, 2) in photo pixels from those in the network's input."""
    info = sample.metainfo
    corner = info['input_center'] - info['input_scale'] / 2
    return points / info['input_size'] * info['input_scale'] + corner


def to_input(sample: PoseDataSample, points: np.ndarray) -> np.ndarray:
    """Return points (K, 2) in pixels of the network's input from those in the photo."""
    info = sample.metainfo
    corner = info['input_center'] - info['input_scale'] / 2
    return (points - corner) / info['input_scale'] * info['input_size']


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


def decode(
    config: Config,
    checkpoint: str | Path,
    out: Path,
    device: str = 'cpu',
    visit: Visit | None = None,
) -> dict[str, dict[str, float]]:
    """Test a model once, decode by argmax and by SDT, write what the two came to.

    Args:
        config: Of a model whose decoder is `SDTHeatmap` or `ArgmaxHeatmap`.
        checkpoint: Its weights.
        out: Folder for the results.
        device: Where to run.
        visit: Called with every sample and its heatmaps (K, H, W).

    Returns:
        The scores by the decoder's name, and what SDT moved under ``'corrections'``.

    Raises:
        InputError: If the config's decoder is another, or a file cannot be read.
    """
    decoder = (config.model.get('head') or {}).get('decoder') or {}
    if decoder.get('type') not in DECODERS.values():
        name = decoder.get('type')
        raise InputError(
            f'{config.filename}: decoder {name}; set it to SDTHeatmap by --cfg-options'
        )
    codecs, metrics = {}, {}
    for name, kind in DECODERS.items():
        codecs[name] = KEYPOINT_CODECS.build({**decoder, 'type': kind})
        evaluator = {**config.test_evaluator, 'errors_file': str(out / name / ERRORS)}
        metrics[name] = METRICS.build(evaluator)
    found: dict[str, list[np.ndarray]] = {'argmax': [], 'sdt': [], 'truth': [], 'visible': []}
    count = 0
    for samples, heatmaps, metainfo in test_batches(config, checkpoint, device):
        points = {name: codec.batch_decode(heatmaps)[0] for name, codec in codecs.items()}
        count += len(samples)
        for index, sample in enumerate(samples):
            truth = np.asarray(sample.gt_instances.keypoints)[0]
            found['truth'].append(to_input(sample, truth))
            visible = np.asarray(sample.gt_instances.keypoints_visible).reshape(1, len(truth), -1)
            found['visible'].append(visible[0, :, 0] > 0)
            for name in DECODERS:
                found[name].append(points[name][index][0])
                sample.pred_instances.keypoints = to_photo(sample, points[name][index][0])[None]
                metrics[name].dataset_meta = metainfo
                metrics[name].process(None, [sample.to_dict()])
            if visit is not None:
                visit(sample, heatmaps[index].numpy())
    scores = {name: metric.evaluate(count) for name, metric in metrics.items()}
    size_hm = np.array(decoder['heatmap_size']) / decoder['input_size']  # heatmap per input px
    moved = [np.stack(found[name]) * size_hm for name in ('argmax', 'sdt', 'truth')]
    scores['corrections'] = describe_moves(*moved, np.stack(found['visible']))
    write_json_files({out / name / METRICS_FILE: scores[name] for name in DECODERS})
    write_json_files({out / 'sdt' / CORRECTIONS: scores['corrections']})
    for name, kind in DECODERS.items():
        written = config.copy()
        written.model.head.decoder.type, written.load_from = kind, str(checkpoint)
        config_file = out / name / Path(config.filename or 'config.py').name
        write_bytes(config_file, written.pretty_text.encode())
    return scores


def parse_args() -> argparse.Namespace:
    """Read the command line."""
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
    return parser.parse_args()


def main() -> None:
    """Test, decode, report."""
    args = parse_args()
    name, checkpoint = config_and_checkpoint(args.config, args.checkpoint)
    config = load_config(name)
    config.merge_from_dict(args.cfg_options or {})
    scores = decode(config, checkpoint, args.out, args.device)
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
