"""Pictures of a test, one for each face."""

from __future__ import annotations

from collections.abc import Sequence

from mmengine.runner import Runner
from mmengine.structures import BaseDataElement
from mmpose.engine.hooks import PoseVisualizationHook
from mmpose.registry import HOOKS


@HOOKS.register_module()
class FaceVisualizationHook(PoseVisualizationHook):
    """`PoseVisualizationHook` that draws the faces once that `FullBatchSampler` repeats.

    >>> from mmengine.config import Config
    >>> Config.fromfile('configs/_base_/data/300w.py').default_hooks.visualization
    {'type': 'FaceVisualizationHook', 'enable': False}
    """

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict,
        outputs: Sequence[BaseDataElement],
    ) -> None:
        """See `PoseVisualizationHook.after_test_iter`."""
        faces = {sample.metainfo['id']: sample for sample in outputs}
        super().after_test_iter(runner, batch_idx, data_batch, list(faces.values()))
