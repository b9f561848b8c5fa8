"""Faces held in the device's memory, cropped and augmented there.

Axis letters: N faces, B batch, K landmarks, (S, S) stored photo, (h, w) input; points are (x, y).
"""

from __future__ import annotations

import math
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from mhhn_landmarks.annotations import read_annotation_file
from mhhn_landmarks.photos import read_bgr

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dataset_converters.hard_faces import harden  # noqa: E402

BOX_PADDING = 1.25  # MMPose's `GetBBoxCenterScale`
PIXEL_STD = 200  # an annotation's `scale` is a side over it
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


@dataclass
class Faces:
    """Photos (N, 3, S, S) uint8 RGB, landmarks (N, K, 2), and square boxes: centre and side, px."""

    photos: Tensor
    points: Tensor
    centers: Tensor
    sides: Tensor

    def __len__(self) -> int:
        return len(self.photos)

    def to(self, device: torch.device | str) -> Faces:
        """Return the same faces on another device."""
        return Faces(*(x.to(device) for x in vars(self).values()))


def load_faces(
    root: Path, ann_file: str, kind: str | None = None, limit: int | None = None
) -> Faces:
    """Read a converted dataset's faces, `limit` at most; photos larger than S are shrunk to fit.

    The root has `annotations/ann_file` and `images/`. The kind 'occluded', 'rotated' or 'poor'
    makes the faces harder, as tools/dataset_converters/hard_faces.py does.
    """
    content = read_annotation_file(root / 'annotations' / ann_file)
    names = {image['id']: image['file_name'] for image in content['images']}

    def read(annotation: dict) -> tuple[np.ndarray, dict]:
        photo = read_bgr(root / 'images' / names[annotation['image_id']])
        return harden(annotation, photo, kind, seed=0) if kind else (photo, annotation)

    with ThreadPoolExecutor() as pool:
        faces = list(pool.map(read, content['annotations'][:limit]))
    size = 640 if kind else 448
    photos = np.zeros((len(faces), size, size, 3), np.uint8)
    points, boxes = [], []
    for row, (photo, annotation) in zip(photos, faces, strict=True):
        scale = min(1.0, size / max(photo.shape[:2]))
        if scale < 1:
            photo = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            photo = photo[:size, :size]
        row[: photo.shape[0], : photo.shape[1]] = photo[..., ::-1]
        points.append(scale * np.reshape(annotation['keypoints'], (-1, 3))[:, :2])
        side = annotation['scale'] * PIXEL_STD * BOX_PADDING
        boxes.append(scale * np.array([*annotation['center'], side]))
    boxes = torch.from_numpy(np.array(boxes, np.float32))
    return Faces(
        torch.from_numpy(photos.transpose(0, 3, 1, 2)).contiguous(),
        torch.from_numpy(np.array(points, np.float32)),
        boxes[:, :2],
        boxes[:, 2],
    )


@dataclass
class Augmentation:
    """What happens to a training face; the defaults are those of the configs."""

    rotate: float = 45.0  # degrees at most; normal with half of it as deviation
    rotate_share: float = 0.6
    scale: float = 0.2  # the same, relative
    shift: float = 0.0  # the same, of the box
    colour: float = 0.3
    occlude: float = 0.0  # share of faces that something covers a part of
    spoil: float = 0.0  # share of faces that are shrunk, blurred and compressed, dim, noisy, grey


class Cropper:
    """Makes the network's input of `Faces`, with the geometry of MMPose's `TopdownAffine`."""

    def __init__(self, faces: Faces, input_size: int, flip_pairs: list[int], seed: int = 0) -> None:
        self.faces, self.size = faces, input_size
        device = faces.photos.device
        self.flip_pairs = torch.tensor(flip_pairs, device=device)
        self.generator = torch.Generator(device).manual_seed(seed)
        self.random = random.Random(seed)
        self.mean, self.std = (torch.tensor(x, device=device).view(3, 1, 1) for x in (MEAN, STD))
        self.steps = torch.arange(input_size, device=device, dtype=torch.float32)

    def crop(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Images (B, 3, h, w), normalised, and landmarks (B, K, 2) in input pixels."""
        zeros = torch.zeros(len(index), device=index.device)
        images, points = self._warp(index, self.faces.sides[index], zeros, zeros[:, None], zeros)
        return (images - self.mean) / self.std, points

    def augmented(self, index: Tensor, augmentation: Augmentation) -> tuple[Tensor, Tensor]:
        """Return the same of augmented faces."""
        count = len(index)
        turned = self._uniform(count) < augmentation.rotate_share
        angles = self._gaussian(count) * math.radians(augmentation.rotate) * turned
        sides = self.faces.sides[index] * (1 + augmentation.scale * self._gaussian(count))
        shifts = augmentation.shift * self._gaussian(count, 2) * sides[:, None]
        flipped = self._uniform(count) < 0.5
        images, points = self._warp(index, sides, angles, shifts, flipped.float())
        swapped = points[:, self.flip_pairs]
        points = torch.where(flipped[:, None, None], swapped, points)
        if augmentation.spoil:
            images = self._spoil(images, augmentation.spoil)
        if augmentation.occlude:
            images = self._occlude(images, points, augmentation.occlude)
        if augmentation.colour:
            gain = 1 + augmentation.colour * self._gaussian(count, 3, 1, 1) * 0.5
            light = 1 + augmentation.colour * self._gaussian(count, 1, 1, 1)
            offset = 60 * augmentation.colour * self._gaussian(count, 1, 1, 1)
            images = images * gain * light + offset
        images = images.clamp(0, 255)
        return (images - self.mean) / self.std, points

    def _uniform(self, *shape: int) -> Tensor:
        return torch.rand(*shape, device=self.steps.device, generator=self.generator)

    def _gaussian(self, *shape: int) -> Tensor:
        """Draw normal deviates of standard deviation 1/2, at most 1."""
        normal = torch.randn(*shape, device=self.steps.device, generator=self.generator)
        return (normal / 2).clamp(-1, 1)

    def _warp(
        self, index: Tensor, sides: Tensor, angles: Tensor, shifts: Tensor, flipped: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Cut boxes out, in uint8's range; the box's centre goes to (w / 2, h / 2)."""
        size, stored = self.size, self.faces.photos.shape[-1]
        centers = self.faces.centers[index, None] + shifts[:, None]  # (B, 1, 2)
        cos, sin, ratio = angles.cos(), angles.sin(), (sides / size)[:, None, None]
        rotation = torch.stack([cos, -sin, sin, cos], -1).view(-1, 2, 2)
        # A flip takes x to w - 1 - x: it mirrors about a pixel's edge, not about w / 2.
        mirror = torch.stack([1 - 2 * flipped, torch.ones_like(flipped)], -1)[:, None]
        middle = size / 2 - (mirror < 0).float()
        y, x = torch.meshgrid(self.steps, self.steps, indexing='ij')
        grid = torch.stack([x, y], -1).view(1, -1, 2)
        places = ratio * ((grid - middle) * mirror) @ rotation.mT + centers  # photo px
        places = (places * (2 / (stored - 1)) - 1).view(-1, size, size, 2)
        photos = self.faces.photos[index].float()
        images = F.grid_sample(photos, places, align_corners=True, padding_mode='zeros')
        points = (self.faces.points[index] - centers) @ rotation / ratio * mirror + middle
        return images, points

    def _spoil(self, images: Tensor, fraction: float) -> Tensor:
        """Make some faces grey, dim, noisy, or small, blurred and compressed."""
        count = len(images)
        grey = images.mean(1, keepdim=True).expand_as(images)
        images = torch.where(self._uniform(count, 1, 1, 1) < fraction / 2, grey, images)
        light = 1 - 0.7 * self._uniform(count, 1, 1, 1)
        images = torch.where(self._uniform(count, 1, 1, 1) < fraction, images * light, images)
        noise = torch.randn(images.shape, device=images.device, generator=self.generator)
        noisy = images + 12 * self._uniform(count, 1, 1, 1) * noise
        images = torch.where(self._uniform(count, 1, 1, 1) < fraction / 2, noisy, images)
        side = 8 * self.random.randint(4, self.size // 16)  # one for all faces of a batch
        resize = dict(size=(side, side), mode='bilinear', align_corners=False)
        low = F.interpolate(images, **resize, antialias=True)
        low = gaussian_blur(low, 7, self.random.uniform(0.3, 1.2))
        low = compress(low, self.random.uniform(10, 60))
        low = F.interpolate(low, size=images.shape[-2:], mode='bilinear', align_corners=False)
        return torch.where(self._uniform(count, 1, 1, 1) < fraction, low, images)

    def _occlude(self, images: Tensor, points: Tensor, fraction: float) -> Tensor:
        """Cover an ellipse or a box round some landmark: one colour, or another face."""
        count, size = len(images), self.size
        chosen = (self._uniform(count) * points.shape[1]).long()
        middle = points[torch.arange(count, device=images.device), chosen]
        radius = size * (0.06 + 0.22 * self._uniform(count, 2))
        d = (self.steps - middle[..., None]).abs() / radius[..., None]  # (B, 2, S)
        dx, dy = d[:, 0, None, :], d[:, 1, :, None]
        ellipse = self._uniform(count, 1, 1) < 0.5
        inside = torch.where(ellipse, dx * dx + dy * dy < 1, torch.maximum(dx, dy) < 1)
        inside = (inside & (self._uniform(count, 1, 1) < fraction))[:, None]
        colour = 255 * self._uniform(count, 3, 1, 1)
        other = images.roll(1, 0).flip(-2)
        cover = torch.where(self._uniform(count, 1, 1, 1) < 0.5, colour, other)
        return torch.where(inside, cover, images)


@cache
def _jpeg_tables(device: torch.device) -> tuple[Tensor, ...]:
    """Return RGB to YCbCr and back (3, 3), the cosine transform (8, 8), its steps (3, 1, 1, 8, 8).

    The steps are roughly libjpeg's at quality 50. Made once: a copy to a GPU waits for its queue.
    """
    colours = torch.tensor([[0.299, 0.587, 0.114], [-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]])
    n = torch.arange(8)
    cosine = torch.cos((2 * n + 1) * n[:, None] * (math.pi / 16)) / 2
    cosine[0] /= math.sqrt(2)
    light, colour = 12 + 6.5 * (n + n[:, None]), (17 + 15 * (n + n[:, None])).clamp(max=99)
    steps = torch.stack([light, colour, colour])[:, None, None]
    return tuple(x.to(device) for x in (colours, colours.inverse(), cosine, steps))


def compress(images: Tensor, quality: float) -> Tensor:
    """Return roughly what JPEG leaves of RGB images (B, 3, h, w) in 0 to 255; 8 divides h and w."""
    to_ycc, to_rgb, cosine, steps = _jpeg_tables(images.device)
    steps = (steps * (50 / quality if quality < 50 else 2 - quality / 50)).clamp_min(1)
    blocks = (to_ycc @ (images - 128).flatten(2)).view_as(images)
    blocks = blocks.unflatten(3, (-1, 8)).unflatten(2, (-1, 8)).transpose(3, 4)
    kept = (cosine @ blocks @ cosine.T / steps).round() * steps
    blocks = (cosine.T @ kept @ cosine).transpose(3, 4).reshape(images.shape)
    return (to_rgb @ blocks.flatten(2)).view_as(images) + 128


def random_faces(count: int) -> Faces:
    """Noise with 68 landmarks, to time and compare with."""
    generator = torch.Generator().manual_seed(0)
    return Faces(
        torch.randint(0, 256, (count, 3, 200, 200), dtype=torch.uint8, generator=generator),
        torch.rand(count, 68, 2, generator=generator) * 100 + 50,
        torch.full((count, 2), 100.0),
        torch.full((count,), 125.0),
    )
