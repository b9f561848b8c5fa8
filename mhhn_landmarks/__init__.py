"""Landmarks of photos and videos, without PyTorch: numpy, OpenCV and onnxruntime alone.

`mhhn_mmpose` builds on this package; nothing here may import it, torch or OpenMMLab.
"""
