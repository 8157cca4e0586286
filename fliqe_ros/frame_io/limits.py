"""The size that a frame may have, checked before anything is allocated for it."""

from fliqe_ros.errors import FrameError

#: Frames of more pixels than this are refused: no thermal camera has them, a bad header may.
MAX_PIXELS = 64_000_000


def require_size(width: int, height: int) -> None:
    """
    Refuse a frame without pixels or with too many, before anything is allocated for it.

    :raises FrameError: ``zero_size``, or ``too_large`` above ``MAX_PIXELS``.
    """
    if width < 1 or height < 1:
        raise FrameError('zero_size', f'the frame of {width}x{height} has no pixels')
    if width * height > MAX_PIXELS:
        raise FrameError(
            'too_large',
            f'the frame of {width}x{height} has more than {MAX_PIXELS // 10**6} megapixels')
