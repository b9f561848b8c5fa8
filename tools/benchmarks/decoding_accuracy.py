"""Decoding accuracy on synthetic heatmaps: SDT, MMPose's decoders, and the Cramer-Rao bound.

Axis letters: N heatmaps, (H, W) heatmap; points are (x, y) in heatmap pixels.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

import torch
from measure import print_table
from mmpose.codecs import MSRAHeatmap, UDPHeatmap
from torch import Tensor

from mhhn_mmpose.ops import fit_gaussian

SIDE = 64  # heatmap pixels
MARGIN = 12  # of the centres from the border, so that every decoder's patch lies on the map
SIGMA = 3.0  # MHHN Table VI
# Name: noise, level at which the map is clipped.
HEATMAPS = {
    'clean': (0.0, None),
    'noise .02': (0.02, None),
    'noise .05': (0.05, None),
    'clipped at .8': (0.0, 0.8),
}


def make_heatmaps(num: int, noise: float, clip: float | None) -> tuple[Tensor, Tensor]:
    """(N, 2) centres, float64, and (N, H, W) heatmaps, float32."""
    random = torch.Generator().manual_seed(0)
    centers = torch.rand(num, 2, generator=random, dtype=torch.float64)
    centers = MARGIN + (SIDE - 1 - 2 * MARGIN) * centers
    axes = torch.exp(-0.5 * ((torch.arange(SIDE) - centers[..., None]) / SIGMA) ** 2)
    columns, rows = axes.unbind(1)
    maps = (rows[:, :, None] * columns[:, None, :]).float()
    maps = maps if clip is None else maps.clamp(max=clip)
    return centers, maps + noise * torch.randn(maps.shape, generator=random)


def sdt(steps: int, patch_size: int = 9) -> Callable[[Tensor], Tensor]:
    """Our fit."""
    return lambda maps: fit_gaussian(maps, SIGMA, patch_size, 'free', steps).centers


def mmpose(codec: MSRAHeatmap | UDPHeatmap, scale: float = 1.0) -> Callable[[Tensor], Tensor]:
    """MMPose's decoder; `scale` brings its coordinates back to heatmap pixels."""
    return lambda maps: torch.from_numpy(codec.decode(maps.numpy())[0][0] * scale)


def make_decoders() -> dict[str, Callable[[Tensor], Tensor]]:
    """(N, H, W) heatmaps -> (N, 2) centres, by name."""
    size = (SIDE, SIDE)  # input and heatmap alike: MSRA's convention is then the identity
    return {
        'argmax': lambda maps: fit_gaussian(maps, SIGMA).argmax,
        'DARK': mmpose(MSRAHeatmap(size, size, SIGMA, unbiased=True)),
        # The kernel that MMPose's documentation pairs with sigma 3; its default of 11, with 2.
        'DARK, kernel 17': mmpose(MSRAHeatmap(size, size, SIGMA, True, blur_kernel_size=17)),
        # UDPHeatmap decodes to x / (W - 1) * w.
        'UDP': mmpose(UDPHeatmap(size, size, sigma=SIGMA), (SIDE - 1) / SIDE),
        'SDT 9x9, closed form': sdt(0),
        'SDT 9x9 (default)': sdt(1),
        'SDT 15x15': sdt(1, 15),
    }


def rms(centers: Tensor, truth: Tensor) -> float:
    """RMS distance in heatmap pixels."""
    return (centers.double() - truth).square().sum(-1).mean().sqrt().item()


def cramer_rao_bound(truth: Tensor, argmax: Tensor, noise: float, patch_size: int) -> float:
    """RMS distance that no unbiased estimate of G, u, v, sigma_x, sigma_y from the patch beats."""
    steps = torch.arange(patch_size) - patch_size // 2
    offset = argmax.double() - truth
    u = (offset[:, 0, None, None] + steps).expand(-1, patch_size, -1)
    v = (offset[:, 1, None, None] + steps[:, None]).expand(-1, -1, patch_size)
    f = torch.exp(-(u * u + v * v) / (2 * SIGMA**2))
    ones = torch.ones_like(f)
    slopes = f[..., None] * torch.stack((ones, u, v, u * u / SIGMA, v * v / SIGMA), -1)
    slopes = slopes.flatten(1, 2) / torch.tensor([1, *4 * [SIGMA**2]], dtype=f.dtype)
    covariance = torch.linalg.inv(slopes.mT @ slopes) * noise**2
    return math.sqrt((covariance[:, 1, 1] + covariance[:, 2, 2]).mean())


def main() -> None:
    """Parse, measure, print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--centers', type=int, default=2000)
    num = parser.parse_args().centers
    torch.set_num_threads(1)
    decoders = make_decoders()
    print(f'RMS error in heatmap pixels, {num} centres, {SIDE}x{SIDE}, sigma {SIGMA}:\n')
    rows = []
    for name, (noise, clip) in HEATMAPS.items():
        truth, maps = make_heatmaps(num, noise, clip)
        argmax = decoders['argmax'](maps)
        errors = [rms(decode(maps), truth) for decode in decoders.values()]
        errors += [cramer_rao_bound(truth, argmax, noise, patch) for patch in (9, 15)]
        rows.append([name, *(f'{error:.4f}' for error in errors)])
    print_table(['heatmap', *decoders, 'bound of 9x9', 'of 15x15'], rows)


if __name__ == '__main__':
    main()
