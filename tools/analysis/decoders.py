"""Decode a trained model's test set by argmax, by its own decoder and by SDT; print the scores.

MODEL is tiny, best, a config, or one of MMPose's, such as
mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py. Codecs:
SDTHeatmap, ArgmaxHeatmap, MSRAHeatmap (DARK included) or UDPHeatmap. Nothing is trained, and each
picture goes through the network once. The last line says how often SDT moves a landmark by a
heatmap pixel or more from the argmax, and whether that leads closer to the truth.
"""

from __future__ import annotations

import argparse
import copy
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analysis.errors_file import ERRORS
from analysis.markdown import markdown

from mhhn_landmarks.arguments import add_config_options, add_model, new_parser
from mhhn_landmarks.errors import exit_on_input_error
from mhhn_landmarks.models import config_and_checkpoint


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = new_parser(__doc__)
    add_model(parser, positions=True)
    parser.add_argument('--out', type=Path, help='folder for DECODER/errors.json, see plot_ced.py')
    add_config_options(parser)
    return parser.parse_intermixed_args()


ARGS = parse_args() if __name__ == '__main__' else None  # before imports that take seconds

import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.runner import Runner
from mmpose.registry import KEYPOINT_CODECS
from mmpose.structures import PoseDataSample
from torch import nn

from mhhn_mmpose.apis.model_loading import load_config, load_model
from mhhn_mmpose.deployment import as_sdt

OURS = {'argmax': 'ArgmaxHeatmap', 'SDT': 'SDTHeatmap'}
PIXEL = 1.0  # heatmap pixels: from here on a move counts


def decoders_of(codec: Mapping[str, Any]) -> dict[str, Any]:
    """Return decoders by name for models trained with this codec, all in its convention.

    Raises:
        InputError: If the codec's maps are no Gaussians that SDT can fit.
    """
    sdt, kind = as_sdt(codec), codec['type']
    own = {} if kind in OURS.values() else {kind: {**codec}}
    configs = {'argmax': {**sdt, 'type': OURS['argmax']}, **own, 'SDT': sdt}
    return {name: KEYPOINT_CODECS.build(config) for name, config in configs.items()}


def describe_moves(
    argmax: np.ndarray, sdt: np.ndarray, truth: np.ndarray, visible: np.ndarray
) -> str:
    """Say what SDT changed; points are (N, K, 2) in heatmap pixels, visible is bool (N, K)."""
    moves = np.linalg.norm(sdt - argmax, axis=-1)
    before, after = (np.linalg.norm(p - truth, axis=-1) for p in (argmax, sdt))
    chosen = visible & (moves >= PIXEL)
    closer = 100 * np.mean((after < before)[chosen]) if chosen.any() else 0.0
    return (
        f'SDT moves {100 * chosen.sum() / visible.sum():.1f}% of the landmarks by a heatmap pixel'
        f' or more, {closer:.0f}% of these closer to the truth.'
    )


def decode(
    config: Config, checkpoint: str | Path, out: Path | None = None
) -> tuple[dict[str, dict[str, float]], str]:
    """Test a model once, decode it in several ways.

    Args:
        config: Of a heatmap model.
        checkpoint: Its weights.
        out: Folder for `DECODER/errors.json`, where the metric is `FaceAlignmentMetric`.

    Returns:
        The scores by the decoder's name, and what SDT moves, in words.

    Raises:
        InputError: If a file is missing, or the model cannot be decoded by SDT.
    """
    codec = config.model.head.decoder
    decoders, model = decoders_of(codec), load_model(config, checkpoint)
    loader = Runner.build_dataloader(config.test_dataloader)
    evaluators, metrics = {}, config.test_evaluator
    for name in decoders:
        wanted = [dict(metric) for metric in (metrics if isinstance(metrics, list) else [metrics])]
        for metric in wanted:
            if out and metric['type'] == 'FaceAlignmentMetric':
                metric['errors_file'] = str(out / name / ERRORS)
        evaluators[name] = Evaluator(wanted)
        evaluators[name].dataset_meta = loader.dataset.metainfo
    samples: dict[str, list[PoseDataSample]] = {name: [] for name in decoders}
    for batch in loader:
        for name, decoded in predict(model, batch, decoders).items():
            evaluators[name].process(decoded, batch)
            samples[name] += decoded
    scores = {name: e.evaluate(len(loader.dataset)) for name, e in evaluators.items()}
    scales = [sample.input_scale / codec['heatmap_size'] for sample in samples['SDT']]  # photo px

    def in_heatmap(points: list[np.ndarray]) -> np.ndarray:  # from one of its corners
        return np.stack([p[0] / scale for p, scale in zip(points, scales, strict=True)])

    found = [in_heatmap([s.pred_instances.keypoints for s in samples[name]]) for name in OURS]
    truths = [sample.gt_instances for sample in samples['SDT']]
    visible = np.stack([t.keypoints_visible.reshape(*t.keypoints.shape[1:2], -1) for t in truths])
    moves = describe_moves(*found, in_heatmap([t.keypoints for t in truths]), visible[..., 0] > 0)
    return scores, moves


@torch.inference_mode()
def predict(
    model: nn.Module, batch: dict, decoders: Mapping[str, Any]
) -> dict[str, list[PoseDataSample]]:
    """Return the predictions by decoder; the network runs once, or twice for a flip test."""
    data = model.data_preprocessor(batch, False)
    inputs, samples = data['inputs'], data['data_samples']
    feats = model.extract_feat(inputs)
    if model.test_cfg.get('flip_test'):
        feats = [feats, model.extract_feat(inputs.flip(-1))]
    found = {}
    for name, decoder in decoders.items():
        model.head.decoder = decoder
        instances = model.head.predict(feats, samples, test_cfg=model.test_cfg)
        found[name] = model.add_pred_to_datasample(instances, None, copy.deepcopy(samples))
    return found


def main(args: argparse.Namespace) -> None:
    """Test, decode, print."""
    name, checkpoint = config_and_checkpoint(*args.model)
    config = load_config(name)
    config.merge_from_dict(args.cfg_options or {})
    scores, moves = decode(config, checkpoint, args.out)
    keys = next(iter(scores.values()))
    print(markdown(['', *scores], [[k, *(f'{s[k]:.4g}' for s in scores.values())] for k in keys]))
    print(f'\n{moves}')


if __name__ == '__main__':
    exit_on_input_error('decoders', lambda: main(ARGS))
