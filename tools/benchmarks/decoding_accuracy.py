"""Decoding accuracy on synthetic heatmaps: every decoder, MMPose's own, and the Cramer-Rao bound.

Axis letters: N heatmaps, (H, W) heatmap; points are (x, y) in heatmap pixels.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

import torch
from mmpose.codecs import MSRAHeatmap, UDPHeatmap
from torch import Tensor

from mhhn_mmpose.ops import fit_gaussian

SIDE = 64  # heatmap pixels
MARGIN = 12  # of the centres from the border, so that every decoder's patch lies on the map
SIGMA = 3.0  # what the decoders are told; MHHN Table VI

# name -> sigma_x, sigma_y, noise, peak, background, level at which the map is clipped
HEATMAPS = {
    'clean': (3, 3, 0, 1, 0, None),
    '+ noise .02': (3, 3, 0.02, 1, 0, None),
    '+ noise .05': (3, 3, 0.05, 1, 0, None),
    'peak .5': (3, 3, 0, 0.5, 0, None),
    'sigma 2 seen, 3 told': (2, 2, 0, 1, 0, None),
    'sigma 4 seen, 3 told': (4, 4, 0, 1, 0, None),
    '+ .05 background': (3, 3, 0, 1, 0.05, None),
    'sigma_x 3, sigma_y 2': (3, 2, 0, 1, 0, None),
    'flat hat (clipped at .8)': (3, 3, 0, 1, 0, 0.8),
}


def make_heatmaps(
    num: int,
    seed: int,
    sigma_x: float,
    sigma_y: float,
    noise: float,
    peak: float,
    background: float,
    clip: float | None,
) -> tuple[Tensor, Tensor]:
    """(N, 2) centres, float64, and (N, H, W) heatmaps, float32."""
    random = torch.Generator().manual_seed(seed)
    centers = torch.rand(num, 2, generator=random, dtype=torch.float64)
    centers = MARGIN + (SIDE - 1 - 2 * MARGIN) * centers
    pixels = torch.arange(SIDE)
    columns = torch.exp(-0.5 * ((pixels - centers[:, :1]) / sigma_x) ** 2)
    rows = torch.exp(-0.5 * ((pixels - centers[:, 1:]) / sigma_y) ** 2)
    maps = (peak * rows[:, :, None] * columns[:, None, :] + background).float()
    maps = maps if clip is None else maps.clamp(max=clip)
    return centers, maps + noise * torch.randn(maps.shape, generator=random)


def fit(constraint: str, steps: int = 0, patch_size: int = 9) -> Callable[[Tensor], Tensor]:
    """Our decoder with these arguments."""
    return lambda maps: fit_gaussian(maps, SIGMA, patch_size, constraint, steps).centers


def mmpose(codec: MSRAHeatmap | UDPHeatmap, scale: float = 1.0) -> Callable[[Tensor], Tensor]:
    """MMPose's decoder; `scale` brings its coordinates back to heatmap pixels."""
    return lambda maps: torch.from_numpy(codec.decode(maps.numpy())[0][0] * scale)


def make_decoders() -> dict[str, Callable[[Tensor], Tensor]]:
    """(N, H, W) heatmaps -> (N, 2) centres, by name."""
    size = (SIDE, SIDE)  # input and heatmap alike: MSRA's convention is then the identity
    return {
        'argmax': lambda maps: fit_gaussian(maps, SIGMA).argmax,
        'argmax + 1/4': mmpose(MSRAHeatmap(size, size, SIGMA)),
        'MMPose DARK': mmpose(MSRAHeatmap(size, size, SIGMA, unbiased=True)),
        # The kernel that MMPose's documentation pairs with sigma 3; its default of 11, with 2.
        'DARK, blur 17': mmpose(MSRAHeatmap(size, size, SIGMA, True, blur_kernel_size=17)),
        # UDPHeatmap decodes to x / (W - 1) * w.
        'MMPose UDP': mmpose(UDPHeatmap(size, size, sigma=SIGMA), (SIDE - 1) / SIDE),
        'free': fit('free'),
        'known_sigma': fit('known_sigma'),
        'unit_peak': fit('unit_peak'),
        'free + 1 step, 9x9': fit('free', 1),
        'free + 1 step, 15x15': fit('free', 1, 15),
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


def print_decoders(num: int, seed: int) -> None:
    """The first table: RMS error in heatmap pixels."""
    decoders = make_decoders()
    print(f'\nRMS error in heatmap pixels, {num} centres, {SIDE}x{SIDE}:\n')
    print('| heatmap |', ' | '.join(decoders), '|')
    print('|---|' + '---|' * len(decoders))
    for name, arguments in HEATMAPS.items():
        truth, maps = make_heatmaps(num, seed, *arguments)
        errors = [f'{rms(decode(maps), truth):.4f}' for decode in decoders.values()]
        print(f'| {name} |', ' | '.join(errors), '|')


def print_efficiency(num: int, seed: int) -> None:
    """The second table: RMS error over the Cramer-Rao bound of the very patch."""
    print(f'\nRMS error over the Cramer-Rao bound, constraint free, {num} centres:\n')
    print('| noise, patch | bound, px | closed form | + 1 step | + 2 steps |')
    print('|---|---|---|---|---|')
    for noise in (0.02, 0.05):
        truth, maps = make_heatmaps(num, seed, 3, 3, noise, 1, 0, None)
        argmax = fit_gaussian(maps, SIGMA).argmax
        for patch in (9, 15):
            bound = cramer_rao_bound(truth, argmax, noise, patch)
            ratios = [rms(fit('free', steps, patch)(maps), truth) / bound for steps in (0, 1, 2)]
            columns = ' | '.join(f'{ratio:.3f}' for ratio in ratios)
            print(f'| {noise:.2f}, {patch}x{patch} | {bound:.4f} | {columns} |')


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--centers', type=int, default=2000, help='of the first table')
    parser.add_argument('--bound-centers', type=int, default=6000, help='of the second')
    parser.add_argument('--seed', type=int, default=0)
    return parser.parse_args()


def main() -> None:
    """Parse, measure, print Markdown."""
    args = parse_args()
    torch.set_num_threads(1)
    print_decoders(args.centers, args.seed)
    print_efficiency(args.bound_centers, args.seed)


if __name__ == '__main__':
    main()
