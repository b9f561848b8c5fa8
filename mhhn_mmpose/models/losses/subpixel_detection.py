"""SDL, the subpixel detection loss: divergence plus fine detection (MHHN, Eq. 5, 6 and 10).

Axis letters: B batch, K landmarks, (H, W) heatmap; points are (x, y) in heatmap pixels.
"""

from __future__ import annotations

import torch
from mmpose.registry import MODELS
from torch import Tensor
from torch.nn.functional import logsigmoid

from ...ops.gaussian_fit import check_fit_arguments, fit_gaussian
from ...ops.heatmap_patch import find_maximum, gather_patch
from .divergence import DivergenceLoss, jensen_shannon_divergence, kullback_leibler_divergence

DIVERGENCES = {'jsd': jensen_shannon_divergence, 'kld': kullback_leibler_divergence}
FDL_DISTANCES = ('squared', 'euclidean')


@MODELS.register_module()
class SubpixelDetectionLoss(DivergenceLoss):
    """Divergence + lambda FDL, FDL = `|(u, v) - (u*, v*)|^2` between centres (SDL, Eq. 6 and 10).

    (u, v) is fitted to the output by `constraint`, (u*, v*) to the target by `known_sigma`, which
    finds a Gaussian's centre to 1e-5 pixels. Gradients reach the output through the fit; the choice
    of the patch (the argmax) is not differentiable.

    The paper's form, with p_H read as pixel values, is `distribution='sigmoid'`,
    `constraint='unit_peak'`, `gate_fdl=False` and the other defaults, with the same constraint and
    no Gauss-Newton step in the codec. The sigmoid, which keeps pixel values positive, is ours.

    Args:
        sigma: Standard deviation of the targets, in heatmap pixels.
        patch_size: Side of the fitted patch, in heatmap pixels; odd, at least 3.
        fdl_weight: lambda, in nats per squared heatmap pixel, or per pixel if 'euclidean'. With
            'sigmoid', Table VII's 1/16 makes FDL 0.08 of JSDL at a shift of one pixel (sigma 3).
            With 'softmax' JSDL is smaller by the target's sum, 2 pi sigma^2 = 57, and the same
            lambda makes FDL 4.6 times JSDL.
        constraint: 'unit_peak' is the paper's SDL (Eq. 19-20) and 'free' its SDL1 (Eq. 18). The
            default, 'known_sigma', is linear. The other two divide, by c2^2 + c3^2 (Eq. 20) and by
            a curvature (Eq. 18); both are near 0 on the flat maps that training starts from.
        distribution: As in `HeatmapJSDLoss`. With 'softmax' what is fitted is exp(h - max h); its
            largest pixel is 1, which is not the paper's G, the height of the Gaussian (Eq. 3).
        use_target_weight: Whether to weight each landmark.
        loss_weight: Factor of the mean over images and landmarks. B * K gives the paper's sums.
        gate_fdl: Leave FDL out for a landmark whose argmax is farther from its true centre than
            the patch reaches: the fit round a wrong peak says nothing about where the landmark is.
        fdl_distance: 'squared', the paper's, or 'euclidean': the distance itself, the mean of which
            NME is. Its gradient neither fades as a centre comes near nor grows with a wrong one,
            so that lambda can be larger.
        divergence: 'jsd', the paper's, or 'kld'. Near the target the latter is 4 times as steep, so
            that heatmaps keep more of the target's shape under a larger `fdl_weight`.
        residual_weight: Factor of a penalty on heatmaps that are no Gaussians of width `sigma`
            (`gaussian_residual`), ours. FDL alone makes them narrower than the targets.

    Raises:
        ValueError: If an argument is out of range.

    >>> y, x = torch.arange(24.0)[:, None], torch.arange(32.0)
    >>> target = torch.exp(-((x - 12.3) ** 2 + (y - 9.6) ** 2) / (2 * 3.0**2))[None, None]
    >>> loss = SubpixelDetectionLoss(sigma=3.0)
    >>> loss(target.log().roll(1, -1), target)  # the centre is one pixel off
    tensor(0.0762)
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
        gate_fdl: bool = True,
        fdl_distance: str = 'squared',
        divergence: str = 'jsd',
        residual_weight: float = 0.0,
    ) -> None:
        super().__init__(distribution, use_target_weight, loss_weight)
        check_fit_arguments(sigma, patch_size, constraint)
        if fdl_distance not in FDL_DISTANCES:
            raise ValueError(f'fdl_distance must be one of {FDL_DISTANCES}, got {fdl_distance!r}')
        if divergence not in DIVERGENCES:
            raise ValueError(f'divergence must be one of {[*DIVERGENCES]}, got {divergence!r}')
        self.divergence = DIVERGENCES[divergence]
        self.sigma = sigma
        self.patch_size = patch_size
        self.fdl_weight = fdl_weight
        self.constraint = constraint
        self.gate_fdl = gate_fdl
        self.fdl_distance = fdl_distance
        self.residual_weight = residual_weight

    def landmark_losses(self, output: Tensor, target: Tensor) -> Tensor:
        """(B, K) values of the divergence + lambda FDL, and of the penalty if it has a weight."""
        losses = super().landmark_losses(output, target)
        losses = losses + self.fdl_weight * self.fine_detection(output, target)
        if self.residual_weight:
            losses = losses + self.residual_weight * self.gaussian_residual(output)
        return losses

    def fine_detection(self, output: Tensor, target: Tensor) -> Tensor:
        """FDL (Eq. 5): (B, K) distances of the fitted centres, in heatmap pixels or their squares.

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
        return torch.where(counted, distances, 0.0)

    def gaussian_residual(self, output: Tensor) -> Tensor:
        """Return (B, K) mean squares of ln f less the nearest Gaussian of width `sigma`.

        The mean is over the patch, weighted by that Gaussian round the argmax; it counts the patch
        as a whole, where the fit of FDL counts the few brightest pixels. A difference beyond 3 nats
        counts as 3, so that a pixel that is far off does not rule the mean.
        """
        logits = output if self.distribution == 'softmax' else logsigmoid(output)
        maps, radius = logits.flatten(0, 1), self.patch_size // 2
        values, inside = gather_patch(maps, find_maximum(maps)[0], radius)
        steps = torch.arange(-radius, radius + 1, device=maps.device, dtype=maps.dtype)
        y, x = (axis.flatten() for axis in torch.meshgrid(steps, steps, indexing='ij'))
        exponent = (x * x + y * y) / (2 * self.sigma**2)
        weights = torch.where(inside, (-exponent).exp(), 0.0)
        weights = weights / weights.sum(-1, keepdim=True)
        residual = torch.where(inside, values, 0.0) + exponent
        # Another centre or peak adds a plane to ln f: its weighted least-squares fit is taken off.
        # x and y can go in turn; on a patch that the border cuts they stay uncorrelated.
        residual = residual - (weights * residual).sum(-1, keepdim=True)
        for axis in (x, y):
            offset = axis - (weights * axis).sum(-1, keepdim=True)
            slope = (weights * offset * residual).sum(-1, keepdim=True)
            residual = residual - offset * slope / (weights * offset**2).sum(-1, keepdim=True)
        return (weights * residual.clamp(-3, 3) ** 2).sum(-1).unflatten(0, output.shape[:2])
