"""All judged kinds by name."""

from __future__ import annotations

from fliqe_ros.evaluation.judging import (
    blank, corruption, misreading, non_uniformity, obstruction, optics_and_noise)
from fliqe_ros.simulation.artifacts.artifact import Artifact

#: Kinds that a network is judged by, and never trained on; the names are of their own table.
JUDGED: dict[str, Artifact] = {
    **non_uniformity.ARTIFACTS, **obstruction.ARTIFACTS, **corruption.ARTIFACTS,
    **misreading.ARTIFACTS, **blank.ARTIFACTS, **optics_and_noise.ARTIFACTS}
