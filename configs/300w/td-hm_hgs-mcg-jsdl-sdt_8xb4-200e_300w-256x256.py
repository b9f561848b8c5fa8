# HGs+MCG+JSDL (MHHN Fig. 7): MHHN with lambda 0.
_base_ = ['./td-hm_mhhn_8xb4-200e_300w-256x256.py']

model = dict(
    head=dict(
        loss=dict(
            _delete_=True,
            type='HeatmapJSDLoss',
            distribution=_base_.codec.activation,
            use_target_weight=True)))
