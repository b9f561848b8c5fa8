"""SDL, the subpixel detection loss: divergence plus fine detection (MHHN, Eq. 2 and 10).

Axis letters: B batch, K landmarks, (H, W) heatmap; points are (x, y) in heatmap pixels.
"""

from __future__ import annotations

import torch
from mmpose.registry import MODELS
from torch import Tensor

from ...ops.gaussian_fit import check_fit_arguments, fit_gaussian
from .divergence import HeatmapJSDLoss

FDL_DISTANCES = ('squared', 'euclidean')


@MODELS.register_module()
class SubpixelDetectionLoss(HeatmapJSDLoss):
    """JSDL + `fdl_weight` FDL, FDL = `|(u, v) - (u*, v*)|^2` of fitted centres (SDL, Eq. 2, 10).

    Both centres come from the same fit, that of the codec; gradients reach the output through it,
    while the choice of the patch (the argmax) is not differentiable.

    Args:
        sigma: Standard deviation of the targets, in heatmap pixels.
        patch_size: Side of the fitted patch, in heatmap pixels; odd, at least 3.
        fdl_weight: lambda, in nats per squared heatmap pixel (Table VII: 1/16), or per pixel.
        constraint: 'unit_peak' is the paper's SDL and 'free' its SDL1. The default, 'known_sigma',
            holds the width too: the other two divide by a curvature, and so do their gradients,
            which is near 0 on the flat maps that training starts from.
        distribution: As in `HeatmapJSDLoss`; with 'softmax' the peak is 1 by construction.
        use_target_weight: Whether to weight each landmark.
        loss_weight: Factor of the loss.
        gauss_newton_steps: Refinements of the fit.
        gate_fdl: Leave FDL out for a landmark whose argmax is farther from its true centre than
            the patch reaches: the fit round a wrong peak says nothing about where the landmark is.
        fdl_distance: 'squared', the paper's, or 'euclidean': the distance itself, the mean of which
            NME is. Its gradient neither fades as a centre comes near nor grows with a wrong one,
            so that lambda can be larger.
    """

    def __init__(
        self,
        sigma: float = 3.0,
        patch_size: int = 9,
        fdl_weight: float = 1 / 16,
        constraint: str = 'known_sigma',
        distribution: str = 'softmax',
        use_target_weight: bool = False,
        loss_weight: float = 1.0,
        gauss_newton_steps: int = 0,
        gate_fdl: bool = True,
        fdl_distance: str = 'squared',
    ) -> None:
        super().__init__(distribution, use_target_weight, loss_weight)
        check_fit_arguments(sigma, patch_size, constraint, gauss_newton_steps)
        if fdl_distance not in FDL_DISTANCES:
            raise ValueError(f'fdl_distance must be one of {FDL_DISTANCES}, got {fdl_distance!r}')
        self.sigma = sigma
        self.patch_size = patch_size
        self.fdl_weight = fdl_weight
        self.constraint = constraint
        self.gauss_newton_steps = gauss_newton_steps
        self.gate_fdl = gate_fdl
        self.fdl_distance = fdl_distance

    def landmark_losses(self, output: Tensor, target: Tensor) -> Tensor:
        """(B, K) values of JSDL + lambda FDL."""
        return super().landmark_losses(output, target) + self.fdl_weight * self.fine_detection(
            output, target
        )

    def fine_detection(self, output: Tensor, target: Tensor) -> Tensor:
        """FDL (Eq. 2): (B, K) distances of the fitted centres, in heatmap pixels or their squares.

        0 where the target has no centre or, with `gate_fdl`, where the argmax is far from it.
        """
        with torch.no_grad():
            truth = fit_gaussian(target, self.sigma, self.patch_size, 'known_sigma')
        heatmaps = output.sigmoid() if self.distribution == 'sigmoid' else output
        fit = fit_gaussian(
            heatmaps,
            self.sigma,
            self.patch_size,
            self.constraint,
            self.gauss_newton_steps,
            log_space=self.distribution == 'softmax',
        )
        counted = truth.informative
        if self.gate_fdl:
            reached = (fit.argmax - truth.centers).abs().amax(-1) <= self.patch_size // 2
            counted = counted & reached
        apart = fit.centers - truth.centers
        if self.fdl_distance == 'squared':
            distances = apart.square().sum(-1)
        else:
            distances = torch.linalg.vector_norm(apart, dim=-1)
        return torch.where(counted, distances, torch.zeros_like(distances))
