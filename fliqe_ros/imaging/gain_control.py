"""Automatic gain control: 14/16-bit and float thermal frames → the 8-bit gray a model scores."""

from dataclasses import dataclass
import math

import cv2
from fliqe_ros.errors import FrameError
import numpy as np

MODES = ('percentile', 'fixed_range', 'none')

# Frames of more pixels than this have their percentiles taken from every fourth row and column.
FULL_STATISTICS_PIXELS = 65_536
STRIDE = 4


@dataclass(frozen=True)
class GainControl:
    """
    Maps frames linearly to 8 bits; a callable without state between frames.

    ``mode`` chooses the range that becomes 0..255; what lies outside saturates:

    - ``percentile``: ``low`` and ``high`` are percentiles (0..100) of the frame's own pixels,
      those of every fourth row and column if it has more than 65536. Where both percentiles
      coincide (a constant frame, a closed shutter), that level becomes 128.
    - ``fixed_range``: ``low`` and ``high`` in the frame's own units: counts after
      ``input_shift``, or what a float frame holds (°C, K).
    - ``none``: 16-bit frames give their upper 8 bits, float frames are taken as 0..255.
      ``low`` and ``high`` are not used.

    ``input_shift`` (bits, 0..15) is by how much the counts of 16-bit frames are left-aligned:
    2 for 14-bit cameras that fill the upper bits. It has no effect on float frames.

    :raises ValueError: if a setting is out of its range; one sentence that says which.
    """

    mode: str = 'percentile'
    low: float = 0.5
    high: float = 99.5
    input_shift: int = 0

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f'mode must be one of {", ".join(MODES)}, not {self.mode!r}')
        if self.mode != 'none':
            self._require_range()
        if not (hasattr(self.input_shift, '__index__') and 0 <= self.input_shift <= 15):
            raise ValueError(f'input_shift must be 0 to 15 bits, not {self.input_shift!r}')

    def _require_range(self) -> None:
        if not math.isfinite(255 * (self.high - self.low)):  # the widest product of _stretch
            raise ValueError(
                f'low ({self.low}) and high ({self.high}) must be finite numbers of ordinary size')
        if self.low >= self.high:
            raise ValueError(f'low ({self.low}) must be less than high ({self.high})')
        if self.mode == 'percentile' and not (0 <= self.low and self.high <= 100):
            raise ValueError(
                f'low ({self.low}) and high ({self.high}) must be percentiles from 0 to 100')

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """
        Return the frame as uint8 of the same shape.

        :param frame: uint8 of any shape is returned untouched; uint16 or float of shape (H, W), or
            (H, W, 3), whose channels share one range. NaN and infinite pixels count in no
            statistics; NaN and -inf become 0, +inf 255.
        :raises FrameError: ``unsupported_dtype``, ``unsupported_shape``, ``zero_size``, or
            ``all_nan`` if no pixel is finite.
        """
        if frame.dtype == np.uint8:
            return frame
        if frame.dtype != np.uint16 and frame.dtype.kind != 'f':
            raise FrameError(
                'unsupported_dtype',
                f'frames must be uint8, uint16 or float, not {frame.dtype.name}')
        if frame.ndim != 2 and frame.shape[2:] != (3,):
            raise FrameError(
                'unsupported_shape',
                f'{frame.dtype.name} frames must be of shape (H, W) or (H, W, 3), '
                f'not {frame.shape}')
        if frame.size == 0:
            raise FrameError('zero_size', f'the frame of shape {frame.shape} has no pixels')
        return self._from_counts(frame) if frame.dtype == np.uint16 else self._from_floats(frame)

    def _from_counts(self, frame: np.ndarray) -> np.ndarray:
        if self.mode == 'none':
            return (frame >> 8).astype(np.uint8)
        sample = _subsample(frame)
        low, high = self._range(sample >> self.input_shift if self.input_shift else sample)
        # A table of all counts, filled only where the frame has any.
        darkest, brightest, _, _ = cv2.minMaxLoc(frame.reshape(len(frame), -1))
        counts = np.arange(int(darkest), int(brightest) + 1) >> self.input_shift
        table = np.zeros(65_536, np.uint8)
        table[int(darkest):int(brightest) + 1] = _stretch(counts, low, high)
        return _look_up(table, frame)

    @np.errstate(over='ignore', invalid='ignore')  # of signalling NaN, which become NaN
    def _from_floats(self, frame: np.ndarray) -> np.ndarray:
        # float64 beyond float32 is as good as infinite
        frame = frame.astype(np.float32, copy=False)
        if not np.isfinite(frame).any():
            raise FrameError('all_nan', 'the float frame has no finite pixel')
        if self.mode == 'none':
            return _stretch(frame, 0.0, 255.0)
        # float64 holds the difference of any two float32 values
        low, high = self._range(_finite_sample(frame).astype(np.float64))
        return _stretch(frame, low, high)

    def _range(self, sample: np.ndarray) -> tuple[float, float]:
        if self.mode == 'fixed_range':
            return self.low, self.high
        low, high = np.percentile(sample, (self.low, self.high))
        return (low, high) if low < high else (low - 0.5, high + 0.5)


def _subsample(frame: np.ndarray) -> np.ndarray:
    big = frame.shape[0] * frame.shape[1] > FULL_STATISTICS_PIXELS
    return frame[::STRIDE, ::STRIDE] if big else frame


def _finite_sample(frame: np.ndarray) -> np.ndarray:
    sample = _subsample(frame)
    finite = sample[np.isfinite(sample)]
    return finite if finite.size else frame[np.isfinite(frame)]


def _look_up(table: np.ndarray, counts: np.ndarray) -> np.ndarray:
    try:
        return cv2.LUT(counts, table)
    except cv2.error:  # before OpenCV 5 only 8 bits; NumPy takes three times as long
        return table.take(counts)


def _stretch(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Map low..high linearly to 0..255, rounded; NaN to 0."""
    # float64 holds every difference of counts or float32 values; clipped first, none overflows.
    gray = values.astype(np.float64)
    np.fmax(gray, low, out=gray)  # fmax and not maximum: takes the number where the other is NaN
    np.minimum(gray, high, out=gray)
    gray -= low
    gray *= 255
    gray /= high - low
    return np.rint(gray, out=gray).astype(np.uint8)
