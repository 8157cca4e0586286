"""What an artifact is: a simulated fault, the type it counts as, and where it happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from fliqe_ros.distortion_types import Distortion
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
