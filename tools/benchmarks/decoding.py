"""Accuracy and speed of decoding: SDT against MMPose's DARK and UDP, and the Cramer-Rao bound.

Axis letters: B faces, K landmarks, N maps of any face, (H, W) heatmap; points are (x, y) in heatmap
pixels.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

import numpy as np
import torch
from measure import add_machine_arguments, medians, prepare, print_table
from mmpose.codecs import MSRAHeatmap, UDPHeatmap
from torch import Tensor

from mhhn_mmpose.codecs import SDTHeatmap

LANDMARKS, SIDE = 68, 64
SIZE = (SIDE, SIDE)  # of input and heatmap alike: heatmap pixels are then input pixels
SIGMA = 3.0  # MHHN Table VI
# Name: noise, level at which the map is clipped.
HEATMAPS = {
    'clean': (0.0, math.inf),
    'noise .02': (0.02, math.inf),
    'noise .05': (0.05, math.inf),
    'clipped at .8': (0.0, 0.8),
}
MARGIN = 12  # of these maps' centres from the border, so that every decoder's patch lies on the map
Decoder = Callable[[Tensor], np.ndarray]  # (B, K, H, W) heatmaps -> (B, K, 2)


def make_heatmaps(
    batch: int, count: int, noise: float, clip: float = math.inf, margin: int = 0
) -> tuple[Tensor, Tensor]:
    """(B, K, 2) centres, float64, and (B, K, H, W) heatmaps, float32."""
    random = torch.Generator().manual_seed(0)
    centers = torch.rand(batch, count, 2, generator=random, dtype=torch.float64)
    centers = margin + (SIDE - 1 - 2 * margin) * centers
    axes = torch.exp(-0.5 * ((torch.arange(SIDE) - centers[..., None]) / SIGMA) ** 2)
    columns, rows = axes.unbind(2)
    maps = (rows[..., :, None] * columns[..., None, :]).float().clamp(max=clip)
    return centers, maps + noise * torch.randn(maps.shape, generator=random)


def argmax(maps: Tensor) -> np.ndarray:
    """Decode without the refinement of the others."""
    found = maps.cpu().numpy().reshape(*maps.shape[:2], -1).argmax(-1)
    return np.stack((found % SIDE, found // SIDE), -1)


def sdt(**arguments: object) -> Decoder:
    """Ours."""
    codec = SDTHeatmap(SIZE, SIZE, SIGMA, **arguments)
    return lambda maps: np.concatenate(codec.batch_decode(maps)[0])


def mmpose(codec: MSRAHeatmap | UDPHeatmap, scale: float = 1.0) -> Decoder:
    """MMPose's, as its head calls it: one face after another, on the CPU."""
    return lambda maps: np.concatenate([codec.decode(m)[0] * scale for m in maps.cpu().numpy()])


DECODERS = {
    'argmax': argmax,
    'SDT 9x9, closed form': sdt(gauss_newton_steps=0),
    'SDT 9x9 (default)': sdt(),
    'SDT 15x15': sdt(patch_size=15),
    'DARK': mmpose(MSRAHeatmap(SIZE, SIZE, SIGMA, unbiased=True)),
    # The kernel that MMPose's documentation pairs with sigma 3; its default of 11, with 2.
    'DARK, kernel 17': mmpose(MSRAHeatmap(SIZE, SIZE, SIGMA, unbiased=True, blur_kernel_size=17)),
    # UDPHeatmap decodes to x / (W - 1) * w.
    'UDP': mmpose(UDPHeatmap(SIZE, SIZE, sigma=SIGMA), (SIDE - 1) / SIDE),
}


def cramer_rao_bound(truth: Tensor, maps: Tensor, noise: float, patch_size: int) -> float:
    """RMS distance that no unbiased estimate of G, u, v, sigma_x, sigma_y from the patch beats."""
    steps = torch.arange(patch_size) - patch_size // 2
    offset = (torch.from_numpy(argmax(maps)) - truth).flatten(0, 1)  # (N, 2)
    u = (offset[:, 0, None, None] + steps).expand(-1, patch_size, -1)
    v = (offset[:, 1, None, None] + steps[:, None]).expand(-1, -1, patch_size)
    f = torch.exp(-(u * u + v * v) / (2 * SIGMA**2))
    slopes = f[..., None] * torch.stack(
        (torch.ones_like(f), u, v, u * u / SIGMA, v * v / SIGMA), -1
    )
    slopes = slopes.flatten(1, 2) / torch.tensor([1, *4 * [SIGMA**2]], dtype=f.dtype)
    covariance = torch.linalg.inv(slopes.mT @ slopes) * noise**2
    return math.sqrt((covariance[:, 1, 1] + covariance[:, 2, 2]).mean())


def print_accuracy(centers: int) -> None:
    """Print a row per decoder, and the bound that it cannot beat."""
    print(f'\nRMS error in heatmap pixels, {centers} centres, {SIDE}x{SIDE}, sigma {SIGMA}:\n')
    errors: dict[str, list[float]] = {name: [] for name in (*DECODERS, 'bound of 9x9', 'of 15x15')}
    for noise, clip in HEATMAPS.values():
        truth, maps = make_heatmaps(1, centers, noise, clip, MARGIN)
        for name, decode in DECODERS.items():
            squares = (decode(maps) - truth.numpy()) ** 2
            errors[name].append(math.sqrt(squares.sum(-1).mean()))
        errors['bound of 9x9'].append(cramer_rao_bound(truth, maps, noise, 9))
        errors['of 15x15'].append(cramer_rao_bound(truth, maps, noise, 15))
    rows = [[name, *(f'{error:.4f}' for error in row)] for name, row in errors.items()]
    print_table(['decoder', *HEATMAPS], rows)


def print_speed(batch: int, args: argparse.Namespace) -> None:
    """Print a row per decoder: time, and that of DARK and UDP over it."""
    maps = make_heatmaps(batch, LANDMARKS, noise=0.02)[1].to(args.device)
    decoders = DECODERS | {'SDT 9x9, softmax': sdt(activation='softmax')}
    found = medians({name: lambda d=decode: d(maps) for name, decode in decoders.items()}, args)
    print(f'\n{batch} face(s) of {LANDMARKS} landmarks, median of {args.repeats}:\n')
    rows = [
        [
            name,
            f'{1e3 * seconds:.2f}',
            f'{1e6 * seconds / (batch * LANDMARKS):.2f}',
            f'{found["DARK"] / seconds:.1f}',
            f'{found["UDP"] / seconds:.1f}',
        ]
        for name, seconds in found.items()
    ]
    print_table(['decoder', 'ms', 'µs a landmark', 'DARK /', 'UDP /'], rows)


def main() -> None:
    """Parse, measure, print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--centers', type=int, default=2000, help='to measure the accuracy on')
    parser.add_argument('--batch', type=int, nargs='+', default=[1, 32], metavar='B')
    add_machine_arguments(parser, repeats=15)
    args = parser.parse_args()
    prepare(args)
    print_accuracy(args.centers)
    for batch in args.batch:
        print_speed(batch, args)


if __name__ == '__main__':
    main()
