"""Pixels to pixels: gain control and colour palettes."""
