"""A trained estimator for deployment: every weight in its place, SDT for a decoder if wished."""

from __future__ import annotations

import pickle

from mmengine.config import Config
from mmengine.runner import load_checkpoint
from mmpose.apis import init_model
from torch import nn

from ..weights_only import refusal

CONVENTION_OF = {'MSRAHeatmap': 'msra', 'UDPHeatmap': 'udp'}


class DeploymentError(ValueError):
    """A model cannot be deployed; the message is one line and says what to do."""


def load_estimator(cfg: Config, checkpoint: str, sdt: bool = False) -> nn.Module:
    """Build a config's estimator on the CPU, for inference.

    Args:
        cfg: Of a top-down model.
        checkpoint: File or address of its weights.
        sdt: Exchange the decoder for `SDTHeatmap` in the same convention.

    Raises:
        DeploymentError: If the checkpoint cannot be read or is of another model, or the decoder
            cannot be exchanged.
    """
    if sdt:
        cfg.model.head.decoder = _as_sdt(cfg.model.head.get('decoder') or {})
    cfg.model.backbone.init_cfg = None  # no download of weights that are replaced below
    model = init_model(cfg, device='cpu', cfg_options={})
    try:
        loaded = load_checkpoint(model, checkpoint, map_location='cpu', strict=True)
    except (OSError, EOFError, pickle.UnpicklingError) as error:
        reason = refusal(error) or str(error).strip().split('\n')[0]
        raise DeploymentError(f'{checkpoint}: no readable checkpoint ({reason})') from error
    except RuntimeError as error:
        reason = ' '.join(str(error).split())[:200]
        raise DeploymentError(
            f'{checkpoint}: does not fit; give the config it was trained with ({reason} ...)'
        ) from error
    model.dataset_meta = loaded.get('meta', {}).get('dataset_meta') or model.dataset_meta
    return model


def _as_sdt(decoder: dict) -> dict:
    """Return the config of an `SDTHeatmap` that decodes what another codec encoded."""
    kind = decoder.get('type')
    if kind in ('SDTHeatmap', 'ArgmaxHeatmap'):
        return {**decoder, 'type': 'SDTHeatmap'}
    if kind not in CONVENTION_OF or decoder.get('heatmap_type', 'gaussian') != 'gaussian':
        raise DeploymentError(
            f'SDT decodes Gaussian heatmaps, of {", ".join(CONVENTION_OF)}; this model has {kind}'
        )
    sigma = decoder.get('sigma', 2.0)  # UDPHeatmap's default
    sizes = {name: decoder[name] for name in ('input_size', 'heatmap_size')}
    return dict(type='SDTHeatmap', sigma=sigma, convention=CONVENTION_OF[kind], **sizes)
