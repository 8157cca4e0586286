"""The smoothing window against the plain mean of the same scores."""

from fliqe_ros.smoothing import SmoothingWindow
import numpy as np
import pytest


def plain_means(scores, size):
    """Return the mean of each full window by its own sum, without a running total."""
    return np.lib.stride_tricks.sliding_window_view(scores, size).mean(axis=1)


@pytest.mark.parametrize('size', [1, 2, 7, 300])
def test_every_mean_equals_the_plain_mean(size):
    scores = np.random.default_rng(size).random(3000)
    window = SmoothingWindow(size)
    means = np.array([window.push(score) for score in scores])
    start = [scores[:n].mean() for n in range(1, size)]
    np.testing.assert_allclose(means[:size - 1], start, rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        means[size - 1:], plain_means(scores, size), rtol=0, atol=1e-12)


def test_exact_over_millions_of_frames():
    size, block, blocks = 300, 100_000, 22
    rng = np.random.default_rng(1)
    window = SmoothingWindow(size)
    for _ in range(blocks):
        # Ten magnitudes in one window: what makes running sums of floats drift.
        scores = rng.random(block) ** rng.integers(1, 200, block)
        push = window.push
        means = [push(score) for score in scores.tolist()]
        np.testing.assert_allclose(
            means[-1000:], plain_means(scores[-1000 - size + 1:], size), rtol=0, atol=1e-9)
    assert len(window) == size


@pytest.mark.parametrize('large, small', [(1.0, 5e-324), (1.0, 1e-17), (1 / 3, 2**-60), (0.1, 0)])
def test_adversarial_magnitudes_leave_nothing_behind(large, small):
    window = SmoothingWindow(10)
    for i in range(20_011):
        window.push(large if i % 3 else small)
    for _ in range(10):
        mean = window.push(small)
    assert mean == pytest.approx(small, abs=1e-17)
    for _ in range(10):
        mean = window.push(large)
    assert mean == pytest.approx(large, abs=1e-15)


def test_mean_stays_between_zero_and_one():
    window = SmoothingWindow(3)
    assert {window.push(1.0) for _ in range(10)} == {1.0}
    assert [window.push(0.0) for _ in range(3)][-1] == 0.0


def test_float32_scores_are_taken_at_their_value():
    window = SmoothingWindow(2)
    window.push(np.float32(0.1))
    assert window.push(np.float32(0.2)) == pytest.approx(
        (float(np.float32(0.1)) + float(np.float32(0.2))) / 2, abs=1e-16)
    assert type(window.last) is float


def test_length_last_and_clear():
    window = SmoothingWindow(2)
    assert (len(window), window.size) == (0, 2)
    window.push(0.25)
    window.push(0.5)
    window.push(0.75)
    assert (len(window), window.last, window.mean) == (2, 0.75, 0.625)
    window.clear()
    assert (len(window), window.size) == (0, 2)
    assert window.push(1.0) == 1.0


def test_size_one_is_the_last_score():
    window = SmoothingWindow(1)
    assert [window.push(score) for score in (0.3, 0.9, 0.0)] == [0.3, 0.9, 0.0]


def test_empty_window_has_no_mean():
    window = SmoothingWindow(5)
    with pytest.raises(ValueError, match='empty'):
        window.mean
    with pytest.raises(ValueError, match='empty'):
        window.last


@pytest.mark.parametrize('score', [float('nan'), float('inf'), -float('inf')])
def test_a_score_that_is_no_number_is_refused_and_nothing_lost(score):
    window = SmoothingWindow(2)
    window.push(0.5)
    with pytest.raises(ValueError, match='finite'):
        window.push(score)
    assert (len(window), window.mean, window.last) == (1, 0.5, 0.5)


@pytest.mark.parametrize('size', [0, -1, 1.5, '3', None, True])
def test_invalid_size_is_refused(size):
    with pytest.raises(ValueError, match='smoothing window must be'):
        SmoothingWindow(size)
