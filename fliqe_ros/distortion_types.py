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

    @property
    def meaning(self) -> str:
        """Return what such a frame looks like, on one line without a full stop."""
        return _TEXTS[self][0]

    @property
    def advice(self) -> str:
        """Return what to do about it: one sentence without a full stop, in lower case."""
        return _TEXTS[self][1]


#: The classes of the type head, clean first.
CLASSES = tuple(d for d in Distortion if d is not Distortion.UNKNOWN)
#: The ways a frame can be bad.
DISTORTIONS = CLASSES[1:]

# Meaning and advice. The diagnostics join sentences by semicolons, so there are none in here.
_TEXTS = {
    Distortion.CLEAN: (
        'nothing is wrong with the picture',
        'nothing has to be done'),
    Distortion.LENS_BLUR: (
        'out of focus, or softened by the lens',
        'focus the lens, and clean it if that does not help'),
    Distortion.MOTION_BLUR: (
        'smeared by motion while the sensor integrates',
        'wait or hold still, move more slowly, or damp what shakes the camera'),
    Distortion.GAUSSIAN_NOISE: (
        'grain that changes from frame to frame',
        'let the camera reach its temperature, lower its gain, or turn its noise reduction on'),
    Distortion.OVEREXPOSURE: (
        'too bright, cut off at white',
        'check exposure or gain control, which should reach up to the hottest that matters'),
    Distortion.UNDEREXPOSURE: (
        'too dark, only few levels used',
        'check exposure or gain control, whose range should be no wider than the scene'),
    Distortion.COMPRESSION: (
        'blocks and ringing of JPEG or video',
        'raise the quality or the bit rate of the stream, or use raw images'),
    Distortion.GHOSTING: (
        'a second, shifted copy of the scene',
        'wait or hold still, and turn averaging over frames off in the camera'),
    Distortion.ALIASING: (
        'blocks and stairs, sampled too coarsely',
        "take the sensor's full resolution, or smooth the picture before it is made smaller"),
    Distortion.NON_UNIFORMITY: (
        'fixed pattern of pixels, rows or columns, shading, dead pixels and lines',
        'run a flat-field correction (FFC, NUC), and have the bad pixels mapped if it stays'),
    Distortion.OBSTRUCTION: (
        'fog, ice, dirt or drops on the lens, or something in front of it',
        'clean and dry the lens or its window, and remove what is in front of it'),
    Distortion.CORRUPTION: (
        'torn or lost rows, bytes read wrongly, broken streams',
        "check the cable and the network, and the driver's pixel format and byte order"),
    Distortion.BLANK: (
        'nothing to see: closed shutter, black, one level, noise alone',
        'open the shutter or take the cap off, and check that the sensor sends a signal'),
    Distortion.UNKNOWN: (
        'the model tells no types',
        'look at the picture, because this model cannot tell what is wrong'),
}
