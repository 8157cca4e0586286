"""The thresholds of one camera: its own, or those that its node has for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fliqe_ros.parameters.own_values import dotted, OwnName

#: Names of the parameters.
THRESHOLDS = ('warn_below', 'error_below')


@dataclass(frozen=True)
class CameraThresholds:
    """What is in force for a camera and what its node has for all, by the names of parameters."""

    camera: Mapping[str, float]
    node: Mapping[str, float]

    @classmethod
    def of_answer(cls, values: Sequence[object]) -> CameraThresholds | None:
        """Return what a node answers to ``questions``; None if it has no such parameters."""
        numbers = [value for value in values if isinstance(value, float)]
        count = len(THRESHOLDS)
        if len(numbers) != 2 * count:
            return None
        return cls(dict(zip(THRESHOLDS, numbers)), dict(zip(THRESHOLDS, numbers[count:])))

    @property
    def follows_all(self) -> bool:
        """
        Return whether the camera has the values of its node.

        Own values that are the same cannot be told from them.
        """
        return self.camera == self.node

    def told(self, name: str) -> str:
        """Return the value of the camera in words, and that of its node if it is another."""
        value, of_node = self.camera[name], self.node[name]
        return f'{value:.2f}, as its node' if value == of_node \
            else f'{value:.2f}, its node {of_node:.2f}'


def own_name(camera: str, node: str, threshold: str) -> str:
    """
    Return the name of a camera's own threshold.

    :param camera: its namespace.
    :param node: the full name of the node that scores it.
    """
    return str(OwnName(dotted(camera, node.rpartition('/')[0] or '/'), threshold))


def questions(camera: str, node: str) -> list[str]:
    """Return the parameters to ask a node for; parameters as of ``own_name``."""
    return [*(own_name(camera, node, name) for name in THRESHOLDS), *THRESHOLDS]
