"""Blank: frames in which there is nothing to see."""

from __future__ import annotations

from fliqe_ros.simulation.artifacts.artifact import Artifact

ARTIFACTS: dict[str, Artifact] = {}
