"""Cuts off what is no picture at the borders of a frame: telemetry, a display, a car's bonnet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fliqe_ros.errors import FrameError
import numpy as np


@dataclass(frozen=True)
class Borders:
    """
    How many rows and columns to cut off.

    :raises ValueError: if one is negative.
    """

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0

    def __post_init__(self) -> None:
        if min(self.top, self.bottom, self.left, self.right) < 0:
            raise ValueError(f'rows and columns to cut off must not be negative: {self}')

    @classmethod
    def of(cls, values: Mapping[str, int]) -> Borders:
        """Return the borders that the parameters of the node, by name, describe."""
        return cls(values['crop_top_rows'], values['crop_bottom_rows'],
                   values['crop_left_columns'], values['crop_right_columns'])

    def cut(self, frame: np.ndarray) -> np.ndarray:
        """
        Return a view of a frame (H, W) or (H, W, channels) without its borders.

        :raises FrameError: ``zero_size`` if nothing would be left.
        """
        height, width = frame.shape[:2]
        if self.top + self.bottom >= height or self.left + self.right >= width:
            raise FrameError('zero_size', f'cropping {self.top + self.bottom} rows and '
                             f'{self.left + self.right} columns leaves nothing of {height} rows '
                             f'and {width} columns')
        return frame[self.top:height - self.bottom, self.left:width - self.right]
