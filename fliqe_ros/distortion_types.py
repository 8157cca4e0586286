"""The distortion types of FLIQE, in the index order of every model and message."""

from enum import IntEnum


class Distortion(IntEnum):
    """Type of image distortion; values equal the constants of ``fliqe_ros/msg/QualityScore``."""

    CLEAN = 0
    LENS_BLUR = 1
    MOTION_BLUR = 2
    GAUSSIAN_NOISE = 3
    OVEREXPOSURE = 4
    UNDEREXPOSURE = 5
    COMPRESSION = 6
    GHOSTING = 7
    ALIASING = 8
    NON_UNIFORMITY = 9
    OBSTRUCTION = 10
    CORRUPTION = 11
    BLANK = 12
    UNKNOWN = 255

    @property
    def label(self) -> str:
        """Lower-case name as logs, plots and command lines show it, e.g. ``lens_blur``."""
        return self.name.lower()


#: The classes of the type head, clean first.
CLASSES = tuple(d for d in Distortion if d is not Distortion.UNKNOWN)
#: The ways a frame can be bad.
DISTORTIONS = CLASSES[1:]
