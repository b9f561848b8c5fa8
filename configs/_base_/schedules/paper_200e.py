# The paper's steps: Adam at 1e-3, divided by 2, 5, 10, 10 at epochs 20, 50, 100, 150 (MHHN,
# Section IV). It gives neither the total nor the batch size. 200 epochs keep the last rate as long
# as the one before; 32 images a step put the first division after some 2000 steps of 300W.
_base_ = ['../default_runtime.py']

train_cfg = dict(max_epochs=200, val_interval=10)

optim_wrapper = dict(optimizer=dict(type='Adam', lr=1e-3))

param_scheduler = [
    dict(type='MultiStepLR', milestones=[20], gamma=1 / 2, by_epoch=True),
    dict(type='MultiStepLR', milestones=[50], gamma=1 / 5, by_epoch=True),
    dict(type='MultiStepLR', milestones=[100, 150], gamma=1 / 10, by_epoch=True),
]

auto_scale_lr = dict(base_batch_size=32)
