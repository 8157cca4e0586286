"""Synthetic thermal scenes, painted in degrees Celsius."""
