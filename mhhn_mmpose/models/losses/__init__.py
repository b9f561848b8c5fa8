"""Losses between predicted and target heatmaps."""
