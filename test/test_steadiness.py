"""Gain control that hunts and rates that sag, told apart from scenes that move and bad frames."""

from fliqe_ros.monitoring.steadiness import BrightnessWatch, HUNTING_SWING, RateWatch, sags
import numpy as np
import pytest

RNG = np.random.default_rng(0)


def swing(levels):
    watch = BrightnessWatch()
    for level in levels:
        watch.push(float(level), 40.0)
    return watch.swing


@pytest.mark.parametrize('levels', [
    [120 + 20 * (-1) ** number for number in range(30)],
    [120 + 30 * np.sin(2 * np.pi * number / 5) for number in range(30)],
    120 + RNG.normal(0, 15, 30),
], ids=['two levels', 'a wave', 'jumps'])
def test_gain_control_that_hunts(levels):
    assert swing(levels) > HUNTING_SWING


@pytest.mark.parametrize('levels', [
    120 + RNG.normal(0, 0.5, 30),
    [60 + 4 * number for number in range(30)],
    [120 + 60 * np.sin(2 * np.pi * number / 60) for number in range(30)],
    [0 if number % 10 == 3 else 120 + number % 2 for number in range(30)],
    [60 if number < 15 else 180 for number in range(30)],
    [120 + 20 * (-1) ** number for number in range(9)],
], ids=['noise', 'a pan', 'to and fro', 'bad frames', 'a new scene', 'too few'])
def test_what_is_no_hunting(levels):
    assert swing(levels) < HUNTING_SWING


def test_a_picture_without_contrast_hunts_not():
    watch = BrightnessWatch()
    for number in range(30):
        watch.push(float(number % 2), 0.0)
    assert watch.swing == 0
    watch.clear()
    assert watch.swing == 0


def test_a_rate_that_sags():
    watch = RateWatch()
    for second in range(60):
        assert (watch.usual_hz is None) == (second < 30)
        watch.sample(9.0)
    for rate_hz, expected in ((9.2, False), (7.0, False), (6.0, True), (0.5, True), (0.0, False)):
        watch.sample(rate_hz)
        assert watch.usual_hz == 9.0
        assert sags(rate_hz, watch.usual_hz) == expected
    # What goes on for minutes is usual.
    for _ in range(300):
        watch.sample(5.0)
    assert not sags(5.0, watch.usual_hz)
    watch.clear()
    assert not sags(0.1, watch.usual_hz)


@pytest.mark.parametrize('rates_hz, sentences', [
    ([10.0] * 20 + [10.0, 9.5, 10.5, 10.0, 11.0] * 4, []),
    ([0.0] * 10 + [30.0] * 20 + [15.0] * 2 + [0.0] * 20 + [30.0] * 20, []),
    ([30.0] * 20 + [26.0, 22.0, 18.0, 14.0] + [9.0] * 20,
     ['images came at 30.0 Hz and now come at 9.0 Hz'] * 10),
    ([0.0] * 30, []),
], ids=['jitter', 'a stop', 'a change', 'silence'])
def test_a_rate_that_changes_is_told_for_a_while(rates_hz, sentences):
    watch, told = RateWatch(), []
    for rate_hz in rates_hz:
        watch.sample(rate_hz)
        told.append(watch.change)
    assert list(filter(None, told)) == sentences
    watch.clear()
    watch.sample(90.0)
    assert watch.change == ''
