"""What an artifact is: a simulated fault, the type it counts as, and where it happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from fliqe_ros.distortion_types import Distortion
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.imaging.pixels import to_uint8
from fliqe_ros.simulation.counts import from_levels, levels, simulated_counts
from fliqe_ros.simulation.severity import Range
import numpy as np


class Stage(Enum):
    """Where in a camera an artifact happens, and so what its simulation takes and returns."""

    #: On the sensor, before gain control: float32 in levels, where 0 to 255 is the 0.5 to 99.5
    #: percentile range of the raw counts. Values outside are kept. Frames that come in 8 bits
    #: have their own levels here.
    SENSOR = 'sensor'
    #: On its way as raw counts: takes uint16 counts, returns uint16 counts, which go through gain
    #: control, or a uint8 picture. Frames that come in 8 bits get counts of a drawn sensor.
    COUNTS = 'counts'
    #: In the 8-bit picture, after gain control: float32, 0 to 255.
    PICTURE = 'picture'


@dataclass(frozen=True)
class Artifact:
    """
    A kind of artifact.

    ``simulate`` takes a frame, (H, W) in the dtype of its stage, the strength and a generator,
    and returns a new frame.
    """

    distortion: Distortion  #: the type it counts as
    simulate: Callable[[np.ndarray, float, np.random.Generator], np.ndarray]
    strength: Range
    stage: Stage = Stage.SENSOR
    whole: bool = True      #: whether it shows all over the frame; else a part may be clean

    def apply(self, frame: np.ndarray, severity: float | None = None,
              rng: np.random.Generator | None = None,
              gain_control: GainControl = GainControl()) -> np.ndarray:
        """
        Return what a camera would show of a frame with the artifact.

        :param frame: (H, W) uint8, or uint16 raw counts; at least 32×32.
        :param severity: 0 (just visible) to 1 (ruinous); None is the reference.
        :param rng: draws noise and places; None is a fixed seed.
        :param gain_control: turns raw counts into 8 bits.
        :return: (H, W) uint8.
        :raises ValueError: for other frames and severities.
        """
        if frame.ndim != 2 or frame.dtype not in (np.uint8, np.uint16):
            raise ValueError(f'Cannot spoil {frame.dtype} frames of shape {frame.shape}: '
                             'give (H, W) uint8 or uint16.')
        strength = self.strength.at(severity)
        draw = np.random.default_rng(0) if rng is None else rng
        if self.stage is Stage.COUNTS:
            counts = frame if frame.dtype == np.uint16 else simulated_counts(frame, draw)
            return gain_control(self.simulate(counts, strength, draw))
        if self.stage is Stage.PICTURE:
            picture = gain_control(frame).astype(np.float32)
            return to_uint8(self.simulate(picture, strength, draw))
        low, scale = levels(frame)
        spoilt = self.simulate((frame.astype(np.float32) - low) * scale, strength, draw)
        return gain_control(from_levels(spoilt, low, scale, frame.dtype))
