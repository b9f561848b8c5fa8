"""Decode one trained heatmap model in several ways and print the scores side by side.

CONFIG is the model's own, unchanged: a file, or one of MMPose's by name, such as
mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py. Each test
picture goes through the network once; its heatmaps are then decoded by argmax, by MMPose's quarter
pixel step (msra) and DARK, or UDP, and by SDT. Nothing is trained. A model may be trained with
MSRAHeatmap (DARK included), UDPHeatmap, SDTHeatmap or ArgmaxHeatmap.
"""

import argparse
import copy
import sys
from typing import Any

import numpy as np
import torch
from mmengine.config import Config, DictAction
from mmengine.evaluator import Evaluator
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmengine.structures import InstanceData
from mmengine.utils import track_iter_progress
from mmpose.registry import KEYPOINT_CODECS, METRICS
from mmpose.structures import PoseDataSample

from mhhn_landmarks.errors import InputError, exit_on_input_error
from mhhn_mmpose.apis.loading import load_config, load_model

CONVENTIONS = {'MSRAHeatmap': 'msra', 'UDPHeatmap': 'udp'}


class Shifted:
    """MMPose's decoder for maps whose pixel centres stand for input pixel centres.

    MSRA's x = x_hm w / W is there (x_hm + 1/2) w / W - 1/2.
    """

    support_batch_decoding = False

    def __init__(self, decoder: Any) -> None:
        self.decoder = decoder
        self.shift = (np.array(decoder.input_size) / decoder.heatmap_size - 1) / 2  # input px

    def decode(self, encoded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Heatmaps (K, H, W) -> landmarks (1, K, 2) in input pixels, scores (1, K)."""
        keypoints, scores = self.decoder.decode(encoded)
        return keypoints + self.shift.astype(keypoints.dtype), scores


def decoders_of(codec: dict) -> dict[str, Any]:
    """Return decoders by name for models trained with this codec, all in its convention.

    Raises:
        InputError: If the codec's maps are no Gaussians that SDT can fit.
    """
    kind = codec['type']
    if kind not in (*CONVENTIONS, 'SDTHeatmap', 'ArgmaxHeatmap') or (
        codec.get('heatmap_type', 'gaussian') != 'gaussian'
    ):
        detail = f' with heatmap_type={codec["heatmap_type"]!r}' if 'heatmap_type' in codec else ''
        raise InputError(
            f'the head decodes with {kind}{detail}; MSRAHeatmap, UDPHeatmap, SDTHeatmap and'
            ' ArgmaxHeatmap can be compared'
        )
    sizes = {name: tuple(codec[name]) for name in ('input_size', 'heatmap_size')}
    common = dict(sizes, sigma=codec.get('sigma', 2.0 if kind in CONVENTIONS else 3.0))
    if kind in CONVENTIONS:
        ours = dict(common, convention=CONVENTIONS[kind])
    else:
        ours = {name: value for name, value in codec.items() if name != 'type'}

    def build(kind: str, **arguments: Any) -> Any:
        return KEYPOINT_CODECS.build(dict(type=kind, **arguments))

    found = {'argmax': build('ArgmaxHeatmap', **ours)}
    convention = ours.get('convention', 'half_pixel')
    if convention == 'udp':
        found['udp'] = build('UDPHeatmap', **common)
    else:
        kernel = codec.get('blur_kernel_size', 11)
        theirs = {'msra': build('MSRAHeatmap', **common)}
        if ours.get('activation') is None:  # DARK takes the output's logarithm
            theirs['dark'] = build('MSRAHeatmap', **common, unbiased=True, blur_kernel_size=kernel)
        found |= {
            name: decoder if convention == 'msra' else Shifted(decoder)
            for name, decoder in theirs.items()
        }
    return found | {'sdt': build('SDTHeatmap', **ours)}


def build_evaluator(cfg: Config, metainfo: dict) -> Evaluator:
    """Return the config's own test evaluator."""
    metrics = cfg.test_evaluator if isinstance(cfg.test_evaluator, list) else [cfg.test_evaluator]
    evaluator = Evaluator([METRICS.build(metric) for metric in metrics])
    evaluator.dataset_meta = metainfo
    return evaluator


@torch.inference_mode()
def predict(
    model: torch.nn.Module, batch: dict, decoders: dict[str, Any]
) -> dict[str, list[PoseDataSample]]:
    """Return the predictions by decoder; the network runs once, or twice for a flip test."""
    data = model.data_preprocessor(batch, False)
    inputs, samples = data['inputs'], data['data_samples']
    feats = model.extract_feat(inputs)
    if model.test_cfg.get('flip_test', False):
        feats = [feats, model.extract_feat(inputs.flip(-1))]
    found = {}
    for name, decoder in decoders.items():
        model.head.decoder = decoder
        instances: list[InstanceData] = model.head.predict(
            feats, samples, test_cfg={**model.test_cfg, 'output_heatmaps': False}
        )
        found[name] = model.add_pred_to_datasample(instances, None, copy.deepcopy(samples))
    return found


def compare(cfg: Config, checkpoint: str, device: str) -> dict[str, dict[str, float]]:
    """Return scores by decoder, and how far it moves landmarks from the argmax's, photo pixels."""
    decoders = decoders_of(cfg.model.head.decoder)
    model = load_model(cfg, checkpoint, device)
    try:
        loader = Runner.build_dataloader(cfg.test_dataloader)
    except FileNotFoundError as error:
        raise InputError(f'the test data are missing ({error})') from error
    evaluators = {name: build_evaluator(cfg, loader.dataset.metainfo) for name in decoders}
    moved: dict[str, list[float]] = {name: [] for name in decoders}
    for batch in track_iter_progress((loader, len(loader)), file=sys.stderr):
        found = predict(model, batch, decoders)
        for name, samples in found.items():
            evaluators[name].process(data_samples=samples, data_batch=batch)
            for sample, first in zip(samples, found['argmax'], strict=True):
                step = sample.pred_instances.keypoints - first.pred_instances.keypoints
                moved[name].append(float(np.linalg.norm(step, axis=-1).mean()))
    print(file=sys.stderr)
    return {
        name: {
            **evaluator.evaluate(len(loader.dataset)),
            'moved from argmax, photo px': float(np.mean(moved[name])),
        }
        for name, evaluator in evaluators.items()
    }


def table(scores: dict[str, dict[str, float]], trained: str) -> str:
    """Return the scores as Markdown, a column for each decoder."""
    names = list(scores)
    lines = [f'| trained with {trained} | ' + ' | '.join(names) + ' |']
    lines.append('|---' * (len(names) + 1) + '|')
    for key in scores[names[0]]:
        lines.append(f'| {key} | ' + ' | '.join(f'{scores[n][key]:.4f}' for n in names) + ' |')
    return '\n'.join(lines)


def main() -> None:
    """Compare, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help="the model's own config: a file, or mmpose::...")
    parser.add_argument('checkpoint', help='its trained weights')
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='key=value')
    args = parser.parse_args()
    cfg = load_config(args.config)
    cfg.merge_from_dict(args.cfg_options or {})
    if not cfg.model.get('head', {}).get('decoder'):
        raise InputError(f'{args.config}: no model.head.decoder; use a heatmap model')
    init_default_scope(cfg.get('default_scope', 'mmpose'))
    scores = compare(cfg, args.checkpoint, args.device)
    print(table(scores, cfg.model.head.decoder.type))


if __name__ == '__main__':
    exit_on_input_error('compare_decoders', main)
