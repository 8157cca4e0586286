"""Faults that thermal cameras and their data paths really have, one module for each type."""
