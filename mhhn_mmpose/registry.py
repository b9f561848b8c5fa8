"""The scope `mhhn_mmpose`, in which MMEngine builds configs taken from this package.

A config with `_base_ = ['mhhn_mmpose::300w/...']` has this scope. Its types are all registered with
MMPose, so the registries here are empty and ask MMPose's.
"""

import mmpose.registry
from mmengine.registry import Registry

SCOPE = 'mhhn_mmpose'

for _name, _registry in list(vars(mmpose.registry).items()):
    if isinstance(_registry, Registry) and _registry.scope == 'mmpose':
        globals()[_name] = Registry(_registry.name, parent=_registry, scope=SCOPE)
