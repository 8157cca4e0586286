"""What makes a frame or a source of frames unusable; free of ROS, OpenCV and torch."""

#: Frames of more pixels than this are refused: no thermal camera has them, a bad header may.
MAX_PIXELS = 64_000_000


class SourceError(ValueError):
    """A source gives no frames; the text names it and says why."""


class FrameError(ValueError):
    """
    A frame or image message that cannot be turned into something to score.

    ``cause`` is a short, stable snake_case key to count by: ``unknown_encoding``, ``zero_size``,
    ``step_too_small``, ``too_little_data``, ``too_large``, ``undecodable``, ``all_nan``,
    ``unsupported_dtype`` or ``unsupported_shape``. ``str()`` is one sentence for people.
    """

    def __init__(self, cause: str, sentence: str):
        super().__init__(cause, sentence)
        self.cause = cause

    def __str__(self) -> str:
        return self.args[1]


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
