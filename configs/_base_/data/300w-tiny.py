# 300W for the tiny models, which train on two CPU cores: small batches, 30 epochs, a cosine.
_base_ = ['./300w.py']

train_dataloader = dict(batch_size=8, num_workers=1)
val_dataloader = dict(batch_size=8, num_workers=1)
test_dataloader = val_dataloader

train_cfg = dict(max_epochs=30, val_interval=5)
auto_scale_lr = dict(base_batch_size=16)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
    dict(
        type='CosineAnnealingLR', T_max=30, eta_min=1e-5, by_epoch=True,
        convert_to_iter_based=True),
]
