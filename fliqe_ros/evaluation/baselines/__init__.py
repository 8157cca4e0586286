"""Baselines for the networks: simple rules and the classics of image-quality assessment."""
