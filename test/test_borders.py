"""Cutting telemetry off at the borders of a frame."""

from fliqe_ros.errors import FrameError
from fliqe_ros.imaging.borders import Borders
import numpy as np
import pytest

FRAME = np.arange(12 * 10).reshape(12, 10)


@pytest.mark.parametrize('borders, expected', [
    (Borders(), FRAME),
    (Borders(top=1), FRAME[1:]),
    (Borders(bottom=2), FRAME[:10]),
    (Borders(left=3), FRAME[:, 3:]),
    (Borders(right=4), FRAME[:, :6]),
    (Borders(1, 2, 3, 4), FRAME[1:10, 3:6]),
    (Borders(11, 0, 0, 9), FRAME[11:, :1]),
])
def test_each_border_is_cut_off(borders, expected):
    assert np.array_equal(borders.cut(FRAME), expected)
    colour = np.dstack([FRAME] * 3)
    assert np.array_equal(borders.cut(colour), np.dstack([expected] * 3))


@pytest.mark.parametrize('borders', [Borders(top=5, bottom=7), Borders(left=10)])
def test_something_has_to_be_left(borders):
    with pytest.raises(FrameError, match='leaves nothing of 12 rows and 10 columns') as error:
        borders.cut(FRAME)
    assert error.value.cause == 'zero_size'


@pytest.mark.parametrize('border', ['top', 'bottom', 'left', 'right'])
def test_a_border_is_not_negative(border):
    with pytest.raises(ValueError, match='not be negative'):
        Borders(**{border: -1})
