"""Gaussians written out, for tests only; axis letters: (H, W) heatmap, points (x, y)."""

import math

import torch


def gaussian_maps(centers, size, sigma=3.0, peak=1.0, dtype=torch.float64):
    """(..., H, W) maps of `size` (W, H) with their centres (..., 2); sigma may be one per axis."""
    centers = torch.as_tensor(centers, dtype=torch.float64)
    sigmas = sigma if isinstance(sigma, tuple) else (sigma, sigma)
    columns, rows = (
        torch.exp(-0.5 * ((torch.arange(n) - centers[..., i, None]) / sigmas[i]) ** 2)
        for i, n in enumerate(size)
    )
    return (peak * rows[..., :, None] * columns[..., None, :]).to(dtype)


def noisy_maps(num, noise, seed, size=(64, 64), sigma=3.0, margin=12):
    """(N, 2) uniform centres, and (N, H, W) float32 Gaussians with normal noise."""
    random = torch.Generator().manual_seed(seed)
    room = torch.tensor(size, dtype=torch.float64) - 1 - 2 * margin
    centers = margin + room * torch.rand(num, 2, generator=random, dtype=torch.float64)
    maps = gaussian_maps(centers, size, sigma, dtype=torch.float32)
    return centers, maps + noise * torch.randn(maps.shape, generator=random)


def rms(centers, truth):
    """RMS distance in heatmap pixels."""
    return math.sqrt((centers.double() - truth).square().sum(-1).mean())
