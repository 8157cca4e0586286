"""All artifacts by name, and how they are put on a frame."""

from __future__ import annotations

from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.imaging.pixels import to_uint8
from fliqe_ros.simulation.artifacts import (
    blank, broken_streams, codecs, dead_elements, exposure, fogging, lens_dirt, non_uniformity,
    obstruction, pixel_formats, shading, transfer)
from fliqe_ros.simulation.artifacts.artifact import Stage
from fliqe_ros.simulation.counts import from_levels, levels, simulated_counts
import numpy as np

#: Name → artifact.
ARTIFACTS = {
    **non_uniformity.ARTIFACTS, **dead_elements.ARTIFACTS, **shading.ARTIFACTS,
    **obstruction.ARTIFACTS, **fogging.ARTIFACTS, **lens_dirt.ARTIFACTS, **transfer.ARTIFACTS,
    **pixel_formats.ARTIFACTS, **broken_streams.ARTIFACTS, **blank.ARTIFACTS,
    **exposure.ARTIFACTS, **codecs.ARTIFACTS}


def apply_artifact(frame: np.ndarray, name: str, severity: float | None = None,
                   rng: np.random.Generator | None = None,
                   gain_control: GainControl = GainControl()) -> np.ndarray:
    """
    Return what a camera would show of a frame with an artifact.

    :param frame: (H, W) uint8, or uint16 raw counts; at least 32×32.
    :param name: one of ``ARTIFACTS``.
    :param severity: 0 (just visible) to 1 (ruinous); None is the reference.
    :param rng: draws noise and places; None is a fixed seed.
    :param gain_control: turns raw counts into 8 bits.
    :return: (H, W) uint8.
    :raises ValueError: for other frames and severities.
    :raises KeyError: for other names.
    """
    if frame.ndim != 2 or frame.dtype not in (np.uint8, np.uint16):
        raise ValueError(f'Cannot spoil {frame.dtype} frames of shape {frame.shape}: '
                         'give (H, W) uint8 or uint16.')
    artifact = ARTIFACTS[name]
    strength = artifact.strength.at(severity)
    draw = np.random.default_rng(0) if rng is None else rng
    if artifact.stage is Stage.COUNTS:
        counts = frame if frame.dtype == np.uint16 else simulated_counts(frame, draw)
        return gain_control(artifact.simulate(counts, strength, draw))
    if artifact.stage is Stage.PICTURE:
        picture = gain_control(frame).astype(np.float32)
        return to_uint8(artifact.simulate(picture, strength, draw))
    low, scale = levels(frame)
    spoilt = artifact.simulate((frame.astype(np.float32) - low) * scale, strength, draw)
    return gain_control(from_levels(spoilt, low, scale, frame.dtype))
