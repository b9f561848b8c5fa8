# HGs: the paper's baseline.
_base_ = ['../_base_/data/300w.py']
