"""Frames from synthetic scenes, images, videos and folders of them."""

from itertools import islice

import cv2
from fliqe_ros.errors import SourceError
from fliqe_ros.frame_io.files import find_files, read_frames
from fliqe_ros.imaging.palettes import colorize, SHOWN_PALETTES
from fliqe_ros.simulation.frame_sources import open_source
import numpy as np
import pytest


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def write(path, image):
    path.parent.mkdir(exist_ok=True)
    assert cv2.imwrite(str(path), image)
    return image


def write_video(path, levels, size=(64, 48)):
    """Write a video of even frames with these gray levels."""
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 10, size)
    assert video.isOpened()
    for level in levels:
        video.write(np.full((size[1], size[0], 3), level, np.uint8))
    video.release()


@pytest.mark.parametrize('suffix,high,dtype', [
    ('.png', 255, np.uint8), ('.png', 65535, np.uint16), ('.tiff', 65535, np.uint16),
    ('.tif', 255, np.uint8), ('.bmp', 255, np.uint8)])
def test_images_keep_their_pixels(tmp_path, rng, suffix, high, dtype):
    written = [write(tmp_path / f'{i}{suffix}', rng.integers(0, high, (48, 64), dtype, True))
               for i in range(3)]
    read = list(open_source(tmp_path, loop=False))
    assert [frame.dtype for frame in read] == [dtype] * 3
    np.testing.assert_array_equal(read, written)


def test_colour_images_become_gray(tmp_path):
    write(tmp_path / 'a.png', np.full((48, 64, 3), 90, np.uint8))
    (frame,) = open_source(tmp_path, loop=False)
    assert frame.shape == (48, 64) and frame.min() == frame.max() == 90


@pytest.mark.parametrize('suffix, error', [('.png', 2.0), ('.jpg', 4.0)])
@pytest.mark.parametrize('palette', SHOWN_PALETTES)
def test_images_in_a_palette_give_the_levels_behind_it(tmp_path, suffix, error, palette):
    levels = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (120, 160), np.uint8),
                              (0, 0), 4)
    levels = cv2.normalize(levels, None, 0, 255, cv2.NORM_MINMAX)
    path = tmp_path / f'frame{suffix}'
    cv2.imwrite(str(path), colorize(levels, palette), [cv2.IMWRITE_JPEG_QUALITY, 95])
    frame, = read_frames(path)
    assert np.abs(frame - levels.astype(float)).mean() < error


def test_a_single_image_repeats_for_ever(tmp_path):
    write(tmp_path / 'a.png', np.full((48, 64), 90, np.uint8))
    assert len(list(islice(open_source(tmp_path / 'a.png'), 50))) == 50


def test_a_video_gives_every_frame_in_order(tmp_path):
    levels = [10, 60, 110, 160, 210]
    write_video(tmp_path / 'a.avi', levels)
    read = list(open_source(tmp_path / 'a.avi', loop=False))
    assert [frame.shape for frame in read] == [(48, 64)] * 5
    assert [round(float(frame.mean())) for frame in read] == pytest.approx(levels, abs=3)


def test_a_folder_of_videos_plays_one_after_the_other_and_starts_over(tmp_path):
    write_video(tmp_path / 'a.avi', [20, 40])
    (tmp_path / 'deeper').mkdir()
    write_video(tmp_path / 'deeper' / 'b.avi', [200, 220, 240])
    read = [round(float(frame.mean())) for frame in islice(open_source(tmp_path), 7)]
    assert read == pytest.approx([20, 40, 200, 220, 240, 20, 40], abs=3)


def test_start_begins_within_the_folder_and_still_shows_everything(tmp_path):
    for i in range(4):
        write(tmp_path / f'{i}.png', np.full((8, 8), i, np.uint8))
    read = [frame[0, 0] for frame in open_source(tmp_path, loop=False, start=0.5)]
    assert read == [2, 3, 0, 1]


def test_files_of_another_kind_are_left_alone(tmp_path):
    write(tmp_path / 'a.PNG', np.zeros((8, 8), np.uint8))
    (tmp_path / 'notes.txt').write_text('not a frame')
    assert find_files(tmp_path) == [tmp_path / 'a.PNG']


def test_unreadable_files_are_skipped_once_with_a_warning(tmp_path, caplog):
    write(tmp_path / 'good.png', np.full((8, 8), 7, np.uint8))
    (tmp_path / 'bad.png').write_bytes(b'not an image')
    (tmp_path / 'empty.png').write_bytes(b'')
    (tmp_path / 'bad.mp4').write_bytes(b'not a video')
    assert [frame[0, 0] for frame in islice(open_source(tmp_path), 5)] == [7] * 5
    messages = [record.message for record in caplog.records]
    assert len(messages) == 3
    assert all(any(name in message for message in messages)
               for name in ('bad.png', 'empty.png', 'bad.mp4'))


@pytest.mark.parametrize('make,reason', [
    (lambda path: path, 'no such file or folder'),
    (lambda path: path.mkdir(), 'no image, no video and no bag in this folder'),
    (lambda path: path.write_bytes(b'nonsense'), 'not one readable frame'),
])
def test_a_source_without_frames_is_an_error_that_names_it(tmp_path, make, reason):
    path = tmp_path / 'material'
    make(path)
    with pytest.raises(SourceError, match=f'material: {reason}'):
        open_source(path)


@pytest.mark.parametrize('size', [(32, 24), (128, 96)])
def test_frames_are_resized_only_when_asked(tmp_path, size):
    write(tmp_path / 'a.png', np.full((48, 64), 1000, np.uint16))
    (kept,) = open_source(tmp_path, loop=False)
    assert kept.shape == (48, 64)
    (resized,) = open_source(tmp_path, loop=False, size=size)
    assert resized.shape == size[::-1] and resized.dtype == np.uint16
    assert (resized == 1000).all()


def test_synthetic_frames_are_reproducible_14_bit_counts_that_move():
    first, again, other = (list(islice(open_source('synthetic', size=(80, 64), seed=seed), 3))
                           for seed in (4, 4, 5))
    assert all(frame.dtype == np.uint16 and frame.shape == (64, 80) for frame in first)
    assert max(frame.max() for frame in first) < 1 << 14
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first[0], first[1])


def test_synthetic_frames_too_small_for_a_scene_are_refused():
    with pytest.raises(SourceError, match='at least 64x64'):
        open_source('synthetic', size=(32, 32))
