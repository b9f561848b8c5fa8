"""Ends a training before its first epoch where its first validation would fail."""

from __future__ import annotations

import copy

import torch
from mmengine.evaluator import BaseMetric
from mmengine.hooks import CheckpointHook, Hook
from mmengine.runner import Runner
from mmpose.registry import HOOKS

from mhhn_landmarks.errors import InputError

from ...evaluation import FaceAlignmentMetric

NUM_FACES = 2  # that go through the model


@HOOKS.register_module()
class ValidationCheckHook(Hook):
    """Sanity-check the validation before training, in seconds, in every process.

    * The model predicts two faces, and every metric takes them.
    * `FaceAlignmentMetric` scores the whole set with its own annotations for predictions. It does
      not need the photos.
    * The scores that it gives must have those that `CheckpointHook.save_best` names. Where there
      is another metric too, whose scores nobody knows beforehand, this is left out.

    Raises:
        InputError: If the metrics refuse the faces, or `save_best` names no score.

    >>> HOOKS.build(dict(type='ValidationCheckHook')).get_triggered_stages()
    ['before_train']
    """

    def before_train(self, runner: Runner) -> None:
        """See the class."""
        if runner.val_loop is None or not len(runner.val_dataloader.dataset):
            return
        metrics = runner.val_loop.evaluator.metrics
        try:
            _predict_faces(runner, metrics)
            ours = [metric for metric in metrics if isinstance(metric, FaceAlignmentMetric)]
            names = {name for metric in ours for name in _score_truth(runner, metric)}
        except ValueError as error:
            raise InputError(f'the validation would fail: {error}') from error
        if len(ours) == len(metrics):
            _check_save_best(runner, names)


def _predict_faces(runner: Runner, metrics: list[BaseMetric]) -> None:
    loader = runner.val_dataloader
    faces = range(min(NUM_FACES, len(loader.dataset)))
    batch = loader.collate_fn([loader.dataset[index] for index in faces])
    runner.model.eval()
    with torch.no_grad():
        samples = [sample.to_dict() for sample in runner.model.val_step(batch)]
    for metric in metrics:
        metric.process(batch, samples)
        metric.results.clear()


def _score_truth(runner: Runner, metric: FaceAlignmentMetric) -> list[str]:
    """Return the names of a metric's scores."""
    dataset = runner.val_dataloader.dataset
    metric = copy.copy(metric)
    metric.results, metric.errors_file = [], None
    for index in range(len(dataset)):
        face = dataset.get_data_info(index)
        points = dict(keypoints=face['keypoints'])
        truth = points | dict(keypoints_visible=face['keypoints_visible'], bboxes=face['bbox'])
        metric.process(None, [face | dict(gt_instances=truth, pred_instances=points)])
    prefix = f'{metric.prefix}/' if metric.prefix else ''
    return [prefix + name for name in metric.compute_metrics(metric.results)]


def _check_save_best(runner: Runner, names: set[str]) -> None:
    hooks = [hook for hook in runner.hooks if isinstance(hook, CheckpointHook)]
    for wanted in (name for hook in hooks for name in hook.save_best or ()):
        if wanted not in {*names, 'auto'}:
            same = sorted(n for n in names if n.split('/')[-1] == wanted.split('/')[-1])
            raise InputError(
                f"default_hooks.checkpoint.save_best: the validation has no score '{wanted}';"
                f' it has {", ".join(same or sorted(names))}'
            )
