"""Thermal frames to train and evaluate on: folders, radiometric files, downloads."""
