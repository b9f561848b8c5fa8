"""A real training on generated faces, of seconds: the tiny HSR leaf with fewer channels."""

from pathlib import Path

from conftest import TINY
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

NUM_FACES = 12  # of the fixture `generated_300w`


def small_config(root: Path, work_dir: Path, epochs: int = 2, batch: int = 4, workers: int = 0):
    """The leaf's config, without validation, with a checkpoint after each epoch."""
    cfg = Config.fromfile(TINY)
    init_default_scope(cfg.default_scope)
    cfg.work_dir = str(work_dir)
    cfg.experiment_name = str(work_dir)  # loggers and scalars of runs in one process are kept by it
    cfg.model.backbone.feat_channels = cfg.model.head.in_channels = 16
    cfg.train_dataloader.update(
        batch_size=batch, num_workers=workers, persistent_workers=workers > 0
    )
    cfg.train_dataloader.dataset.data_root = str(root)
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.test_cfg = cfg.test_dataloader = cfg.test_evaluator = None
    cfg.train_cfg = dict(by_epoch=True, max_epochs=epochs)
    cfg.default_hooks.checkpoint = dict(type='CheckpointHook', interval=1, max_keep_ckpts=1)
    cfg.default_hooks.logger.interval = 1
    return cfg


def train(cfg: Config) -> Runner:
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner
