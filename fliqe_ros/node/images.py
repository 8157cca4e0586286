"""An image on its way through the node, as it is received and as it is scored. No ROS calls."""

from __future__ import annotations

from dataclasses import dataclass

from fliqe_ros.estimator import Assessment
from fliqe_ros.imaging.palette_reader import PaletteReader
from fliqe_ros.models.preprocessing import Prepared
from fliqe_ros.parameters.camera_table import CameraSettings
import numpy as np
from sensor_msgs.msg import CompressedImage, Image


@dataclass(frozen=True)
class ReceivedImage:
    """An image message as one camera's subscription received it."""

    #: Namespace of the camera.
    camera: str
    message: Image | CompressedImage
    #: The parameters of the camera when the image was received.
    settings: CameraSettings
    #: When it was received, by the node's clock.
    received_ns: int
    #: The same in real time, by ``time.monotonic_ns``.
    received_monotonic_ns: int
    #: Reads the colours of the camera; for the worker's thread.
    palette: PaletteReader


@dataclass(frozen=True)
class ScoredImage:
    """A received image, its pixels (H, W) or (H, W, 3) BGR, and what the model says of it."""

    received: ReceivedImage
    pixels: np.ndarray
    assessment: Assessment
    #: ``FLIQE.model_id`` of the model.
    model: str
    #: What to check in the driver, if another reading of the image is much smoother; or how it
    #: falls short of what was learnt of the camera; or ''.
    misreading: str = ''
    #: The pixels as the model takes them.
    prepared: Prepared | None = None
