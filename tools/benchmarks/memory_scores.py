"""Scores of a model of memory_training.py on `Faces` in memory, with the flip test.

Axis letters: N faces, B batch, K landmarks, (H, W) heatmap; points are (x, y).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from memory_faces import Cropper, Faces
from memory_training import Trainee
from torch import Tensor

from mhhn_mmpose.codecs import SDTHeatmap
from mhhn_mmpose.evaluation.functional import resolve, summarize
from mhhn_mmpose.models.losses.divergence import jensen_shannon_divergence
from mhhn_mmpose.ops import fit_gaussian
from mhhn_mmpose.ops.heatmap_patch import find_maximum

Scores = dict[str, dict[str, dict[str, float]]]


def score(trainee: Trainee, faces: Faces) -> Scores:
    """NME and other scores in percent, by decoding ('argmax', 'sdt') and normaliser."""
    truth = faces.points.cpu().numpy()
    found = {}
    for decoding, points in predict(trainee, faces).items():
        distances = np.linalg.norm(points - truth, axis=-1).mean(1)
        found[decoding] = {}
        for name in ('inter_ocular', 'inter_pupil'):
            rule = resolve(name, '300w')
            errors = 100 * distances / [rule(shape, None, None) for shape in truth]
            scores = summarize(errors, 10)
            keys = dict(nme='NME', std='NME_std', fr10='FR', auc10='AUC')
            found[decoding][name] = {key: round(scores[k], 4) for key, k in keys.items()}
    return found


@torch.no_grad()
def predict(trainee: Trainee, faces: Faces) -> dict[str, np.ndarray]:
    """Landmarks (N, K, 2) in photo pixels, by decoding."""
    codec, pairs = trainee.codec, trainee.cropper.flip_pairs
    cropper = Cropper(faces, codec.input_size[0], pairs.tolist())
    model = trainee.mean_model.eval()
    found: dict[str, list[Tensor]] = dict(argmax=[], sdt=[])
    for index in torch.arange(len(faces), device=trainee.device).split(64):
        images = cropper.crop(index)[0].contiguous(memory_format=torch.channels_last)
        maps = trainee.outputs(images, model)[-1]
        mirrored = trainee.outputs(images.flip(-1), model)[-1].flip(-1)[:, pairs]
        if getattr(codec, 'convention', 'msra') == 'msra':  # off by a pixel when flipped
            mirrored = torch.cat([mirrored[..., :1], mirrored[..., :-1]], -1)
        ratio = (faces.sides[index] / cropper.size)[:, None, None]
        for name, points in decode(codec, (maps + mirrored) / 2).items():
            photo = (points - cropper.size / 2) * ratio + faces.centers[index][:, None]
            found[name].append(photo)
    if model is trainee.model:
        model.train()
    return {name: torch.cat(points).float().cpu().numpy() for name, points in found.items()}


def decode(codec: Any, maps: Tensor) -> dict[str, Tensor]:
    """Landmarks (B, K, 2) in input pixels; 'sdt' of MMPose's own codec is its own decoding."""
    if isinstance(codec, SDTHeatmap):
        fit = SDTHeatmap.locate(codec, maps)  # ArgmaxHeatmap would give the argmax twice
        scale, shift = map(maps.new_tensor, codec._to_input)
        return dict(argmax=fit.argmax * scale + shift, sdt=fit.centers * scale + shift)
    pixels = find_maximum(maps.flatten(0, 1))[0].view(*maps.shape[:2], 2)
    own = np.concatenate([codec.decode(m)[0] for m in maps.float().cpu().numpy()])
    scale = maps.new_tensor(codec.scale_factor)
    return dict(argmax=pixels * scale, sdt=torch.from_numpy(own).to(maps.device))


@torch.no_grad()
def heatmap_shape(trainee: Trainee, faces: Faces) -> dict[str, float]:
    """Return means over the landmarks, of the maps without the flip test.

    `above_half` counts pixels above half the peak, `jsd` is to the target in nats, `peak` in the
    target's units, `moved` the share that SDT moves by a pixel or more.
    """
    codec, found = trainee.codec, {}
    cropper = Cropper(faces, codec.input_size[0], trainee.cropper.flip_pairs.tolist())
    for index in torch.arange(len(faces), device=trainee.device).split(64):
        images, points = cropper.crop(index)
        maps = trainee.outputs(images, trainee.mean_model.eval())[-1]
        is_softmax = codec.activation == 'softmax'
        mass = maps.flatten(2).softmax(-1) if is_softmax else maps.flatten(2).clamp_min(0)
        target = trainee.make_targets(points)[0].flatten(2)
        p, q = (x / x.sum(-1, keepdim=True).clamp_min(1e-9) for x in (mass, target))
        relative = (p / p.amax(-1, keepdim=True)).view_as(maps)
        fit = fit_gaussian(relative, codec.sigma, 9)
        shape = dict(
            above_half=(relative > 0.5).flatten(2).sum(-1).float(),
            jsd=jensen_shannon_divergence(p, q),
            peak=(relative if is_softmax else maps).amax((-2, -1)),
            moved=((fit.centers - fit.argmax).norm(dim=-1) >= 1).float(),
        )
        for name, value in shape.items():
            found.setdefault(name, []).append(value.flatten())
    return {name: round(torch.cat(x).mean().item(), 4) for name, x in found.items()}
