# Ablation of the loss: KLDL, decoded by SDT.
_base_ = ['./td-hm_hgs-hsr_8xb4-200e_300w-256x256.py']

model = dict(
    head=dict(
        loss=dict(
            _delete_=True,
            type='HeatmapKLDLoss',
            distribution=_base_.codec.activation,
            use_target_weight=True)))
