"""Gaussians written out one by one, for tests only."""

import math

import torch


def gaussian_map(center, size, sigma=(3.0, 3.0), peak=1.0, dtype=torch.float64):
    """One (H, W) map of `size` (W, H) with its centre at (x, y)."""
    x, y = torch.arange(size[0], dtype=dtype), torch.arange(size[1], dtype=dtype)[:, None]
    u, v = (x - center[0]) / sigma[0], (y - center[1]) / sigma[1]
    return peak * torch.exp(-0.5 * (u * u + v * v))


def gaussian_maps(centers, size, **arguments):
    return torch.stack([gaussian_map(center, size, **arguments) for center in centers])


def noisy_maps(num, noise, seed, size=(64, 64), sigma=3.0, margin=12):
    """(N, 2) uniform centres, and (N, H, W) float32 Gaussians with normal noise."""
    random = torch.Generator().manual_seed(seed)
    room = torch.tensor(size, dtype=torch.float64) - 1 - 2 * margin
    centers = margin + room * torch.rand(num, 2, generator=random, dtype=torch.float64)
    axes = [torch.arange(n) - c[:, None] for n, c in zip(size, centers.T, strict=True)]
    columns, rows = (torch.exp(-0.5 * (axis / sigma) ** 2).float() for axis in axes)
    maps = rows[:, :, None] * columns[:, None, :]
    return centers, maps + noise * torch.randn(maps.shape, generator=random)


def rms(centers, truth):
    """RMS distance in heatmap pixels."""
    return math.sqrt((centers.double() - truth).square().sum(-1).mean())
