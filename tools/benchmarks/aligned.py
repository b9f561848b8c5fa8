"""The group photo and the models of `inference_speed.py`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

import mhhn_mmpose  # noqa: F401

# What follows imports MMPose's models, which need what our package does for mmcv-lite.
# isort: split
from mmengine.config import Config
from mmpose.apis import init_model
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from generated_faces import landmarks, random_face, render

CONFIGS = Path(__file__).resolve().parents[2] / 'configs' / '300w'
OURS = {
    'paper': 'td-hm_{}_8xb4-200e_300w-256x256.py',
    'tiny': 'td-hm_{}-tiny_2xb8-30e_300w-128x128.py',
}
MODELS = {'mhhn': 'MHHN', 'hgs-hsr': 'HGs+HSR', 'hgs': 'HGs'}
PEER = 'td-hm_hrnetv2-w18-dark_8xb4-200e_300w-256x256.py'
HRNET = 'HRNetV2-W18 + DARK'
CELL, COLUMNS = 330, 8  # px, the largest generated picture; faces in a row of the group photo


def make_photo(num_faces: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a group photo (H, W, 3), uint8 BGR, and its boxes (B, 4): x1, y1, x2, y2 in px."""
    rows = -(-num_faces // COLUMNS)
    photo = np.zeros((rows * CELL, min(num_faces, COLUMNS) * CELL, 3), np.uint8)
    boxes = []
    for number in range(num_faces):
        face = random_face([0, number])
        row, column = divmod(number, COLUMNS)
        corner = np.array([column * CELL, row * CELL])
        x, y = corner
        photo[y : y + face.height, x : x + face.width] = render(face)
        points = landmarks(face, '300w') + corner
        boxes.append([*points.min(0), *points.max(0)])
    return photo, np.array(boxes, np.float32)


def build(model: str, size: str, device: str) -> dict[str, nn.Module]:
    """Our model and the peer at our input size, with random weights, in evaluation mode."""
    torch.manual_seed(0)
    files = {MODELS[model]: OURS[size].format(model), HRNET: PEER}
    configs = {name: Config.fromfile(CONFIGS / file) for name, file in files.items()}
    ours = configs[MODELS[model]].model.head.decoder
    configs[HRNET].model.head.decoder.update(
        input_size=ours.input_size, heatmap_size=ours.heatmap_size
    )
    for step in configs[HRNET].test_dataloader.dataset.pipeline:
        if step.type == 'TopdownAffine':
            step.input_size = ours.input_size
    # Without options `init_model` drops the backbone's init_cfg: nothing is downloaded.
    return {name: init_model(config, device=device) for name, config in configs.items()}
