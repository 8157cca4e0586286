"""All artifacts by name, and how they are put on a frame."""

from __future__ import annotations

from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.simulation.artifacts import (
    blank, broken_streams, codecs, dead_elements, exposure, fogging, lens_dirt, non_uniformity,
    obstruction, patches, pixel_formats, shading, transfer)
import numpy as np

#: Name → artifact.
ARTIFACTS = {
    **non_uniformity.ARTIFACTS, **dead_elements.ARTIFACTS, **shading.ARTIFACTS,
    **obstruction.ARTIFACTS, **fogging.ARTIFACTS, **lens_dirt.ARTIFACTS, **transfer.ARTIFACTS,
    **pixel_formats.ARTIFACTS, **broken_streams.ARTIFACTS, **blank.ARTIFACTS,
    **exposure.ARTIFACTS, **codecs.ARTIFACTS, **patches.ARTIFACTS}


def apply_artifact(frame: np.ndarray, name: str, severity: float | None = None,
                   rng: np.random.Generator | None = None,
                   gain_control: GainControl = GainControl()) -> np.ndarray:
    """
    Return what a camera would show of a frame with an artifact; see ``Artifact.apply``.

    :param name: one of ``ARTIFACTS``.
    :raises KeyError: for other names.
    """
    return ARTIFACTS[name].apply(frame, severity, rng, gain_control)
