"""Hooks: what a run does besides training."""
