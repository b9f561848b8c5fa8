"""From photos to landmarks in Python, and the one way to load a model."""
