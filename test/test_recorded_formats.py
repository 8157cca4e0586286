"""Recordings of every format: their counts, all their pages, and what is left of cut ones."""

from datetime import timedelta
from pathlib import Path
import struct

import cv2
from fliqe_ros.errors import FrameError, SourceError
from fliqe_ros.frame_io.files import read_frames
from fliqe_ros.frame_io.pages import page_readers
from fliqe_ros.frame_io.streams import open_recording, Recording
from flir_files import plain_fff
import numpy as np
from PIL import Image
import pytest
from test_bags import Recorder

CASES = Path(__file__).resolve().parents[2] / 'shared' / 'cases'


@pytest.fixture
def counts():
    """Frames of 14-bit counts, a slope that moves."""
    slope = np.linspace(3000, 9000, 64 * 80).reshape(64, 80)
    return [np.uint16(slope + 100 * number) for number in range(8)]


def read_all(path, **options):
    """Return the frames of the only camera, their times in s, and why reading ended early."""
    frames, times, why = [], [], ''
    with open_recording(Recording(str(path), (path,)), **options) as (stream,):
        try:
            for frame in stream.frames():
                frames.append(frame.read())
                times.append(frame.time_ns / 1e9)
        except SourceError as error:
            why = str(error)
    return frames, times, why


def write_video(path, frames, codec, pixels, options=None):
    av = pytest.importorskip('av')
    with av.open(str(path), 'w', options=options or {}) as container:
        stream = container.add_stream(codec, rate=10)
        stream.height, stream.width = frames[0].shape
        stream.pix_fmt = pixels
        source = 'gray16le' if frames[0].dtype == np.uint16 else 'gray'
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format=source)))
        container.mux(stream.encode())


@pytest.mark.parametrize('name, codec, pixels', [
    ('a.mkv', 'ffv1', 'gray16le'), ('a.avi', 'ffv1', 'gray16le'), ('a.mov', 'png', 'gray16be'),
    ('a.avi', 'rawvideo', 'gray16le'),
])
def test_videos_of_16_bits_are_read_as_counts(tmp_path, counts, name, codec, pixels):
    write_video(tmp_path / name, counts, codec, pixels)
    frames, times, why = read_all(tmp_path / name)
    assert why == '' and np.allclose(times, np.arange(8) / 10, atol=0.002)
    np.testing.assert_array_equal(frames, counts)
    np.testing.assert_array_equal(list(read_frames(tmp_path / name)), counts)


@pytest.mark.parametrize('name, codec, pixels', [
    ('a.avi', 'mjpeg', 'yuvj420p'), ('a.mp4', 'libx264', 'yuv420p'), ('a.mkv', 'libx265', 'gray'),
    ('a.h264', 'libx264', 'yuv420p'), ('a.ts', 'libx264', 'yuv420p'), ('a.wmv', 'wmv2', 'yuv420p'),
])
def test_videos_of_8_bits_are_read_whatever_the_codec(tmp_path, counts, name, codec, pixels):
    gray = [np.uint8(frame // 64) for frame in counts]
    write_video(tmp_path / name, gray, codec, pixels)
    frames, times, why = read_all(tmp_path / name)
    assert why == '' and len(frames) == 8 and np.all(np.diff(times) > 0)
    for frame, true in zip(read_frames(tmp_path / name), gray):
        assert np.abs(frame.astype(int) - true).mean() < 6


def test_a_video_that_was_cut_gives_what_is_left(tmp_path, counts):
    write_video(tmp_path / 'whole.avi', counts * 8, 'ffv1', 'gray16le')
    data = (tmp_path / 'whole.avi').read_bytes()
    (tmp_path / 'cut.avi').write_bytes(data[:len(data) // 2])
    frames, _, why = read_all(tmp_path / 'cut.avi')
    assert 20 < len(frames) < 40 and 'cut short' in why
    np.testing.assert_array_equal(frames[20], counts[4])


def test_a_video_without_its_index_says_what_can_be_done(tmp_path, counts):
    write_video(tmp_path / 'whole.mp4', [np.uint8(frame // 64) for frame in counts], 'libx264',
                'yuv420p')
    data = (tmp_path / 'whole.mp4').read_bytes()
    (tmp_path / 'cut.mp4').write_bytes(data[:len(data) // 2])
    with pytest.raises(SourceError, match='cut.mp4.*untrunc'):
        read_all(tmp_path / 'cut.mp4')


def test_all_pages_of_an_image_are_read(tmp_path, counts):
    Image.fromarray(counts[0]).save(
        tmp_path / 'a.tif', save_all=True, append_images=list(map(Image.fromarray, counts[1:])))
    frames, times, _ = read_all(tmp_path / 'a.tif', rate_hz=5)
    np.testing.assert_array_equal(frames, counts)
    assert times == [number / 5 for number in range(8)]
    gray = [Image.fromarray(np.uint8(frame // 64)) for frame in counts]
    for name in ('a.gif', 'a.webp'):
        gray[0].save(tmp_path / name, save_all=True, append_images=gray[1:], lossless=True)
        frames = list(read_frames(tmp_path / name))
        np.testing.assert_array_equal(frames, [np.asarray(each) for each in gray])


@pytest.mark.parametrize('name, dtype', [('a.tif', np.float32), ('b.tif', np.int16),
                                         ('c.npy', np.float64), ('d.npy', np.int16)])
def test_temperatures_are_read_as_they_are(tmp_path, counts, name, dtype):
    celsius = (counts[0] / 100 - 30).astype(dtype)
    if name.endswith('npy'):
        np.save(tmp_path / name, celsius)
    else:
        cv2.imwrite(str(tmp_path / name), celsius)
    (frame,), _, _ = read_all(tmp_path / name)
    assert frame.dtype == np.float32
    np.testing.assert_array_equal(frame, celsius.astype(np.float32))


def test_arrays_hold_frames_or_stacks_of_them(tmp_path, counts):
    np.save(tmp_path / 'stack.npy', np.array(counts))
    np.savez(tmp_path / 'some.npz', a=counts[0], b=np.array(counts[1:]))
    for name in ('stack.npy', 'some.npz'):
        frames, _, _ = read_all(tmp_path / name)
        np.testing.assert_array_equal(frames, counts)
        assert frames[0].dtype == np.uint16
    np.save(tmp_path / 'words.npy', np.array([['a', 'b'], ['c', 'd']]))
    (read,) = page_readers(tmp_path / 'words.npy')
    with pytest.raises(FrameError, match='no picture'):
        read()


@pytest.mark.parametrize('text', [
    '1.5,2.5,3.5\n4.5,5.5,6.5\n', 'Spot,21\nData\n1.5,2.5,3.5,\n4.5,5.5,6.5,\n',
    '1,5;2,5;3,5\n4,5;5,5;6,5\n', '1\t1.5\t2.5\t3.5\n2\t4.5\t5.5\t6.5\n',
])
def test_tables_of_temperatures_are_pictures(tmp_path, text):
    (tmp_path / 'a.csv').write_text(text)
    (frame,), _, _ = read_all(tmp_path / 'a.csv')
    np.testing.assert_array_equal(frame, [[1.5, 2.5, 3.5], [4.5, 5.5, 6.5]])


def test_radiometric_jpegs_give_counts_or_the_picture_that_is_asked_for(tmp_path, counts):
    pixels = counts[0][:40, :50]
    picture = cv2.imencode('.jpg', np.full((80, 100), 90, np.uint8))[1].tobytes()
    payload = b'FLIR\0\1\0\0' + plain_fff(pixels)
    segment = b'\xff\xe1' + struct.pack('>H', len(payload) + 2) + payload
    (tmp_path / 'a.jpg').write_bytes(picture[:2] + segment + picture[2:])
    (frame,), _, _ = read_all(tmp_path / 'a.jpg')
    np.testing.assert_array_equal(frame, pixels)
    (frame,), _, _ = read_all(tmp_path / 'a.jpg', drawn=True)
    assert frame.shape == (80, 100) and frame.dtype == np.uint8


@pytest.mark.parametrize('order', '<>')
def test_pixels_that_look_like_the_start_of_a_picture_split_no_sequence(tmp_path, counts, order):
    for frame in counts:
        frame[9, 20:22] = np.frombuffer(b'FFF\0', '<u2')
    gap = bytes(3)  # FLIR's cameras may leave a few bytes after a picture
    (tmp_path / 'a.seq').write_bytes(gap.join(plain_fff(frame, order) for frame in counts))
    frames, _, why = read_all(tmp_path / 'a.seq')
    np.testing.assert_array_equal(frames, counts)
    assert why == ''


@pytest.mark.parametrize('order', '<>')
@pytest.mark.parametrize('place, damage', [
    (20, bytes(4)), (24, b'\xff' * 4), (28, b'\xff' * 4), (28, bytes(4)), (64, bytes(2)),
    (76, b'\x7f' * 4), (80, b'\x7f' * 4), (76, bytes(8)),
], ids=['version', 'index', 'count', 'no count', 'free', 'offset', 'length', 'nowhere'])
def test_a_damaged_index_is_one_clear_error(tmp_path, counts, order, place, damage):
    whole = plain_fff(counts[0], order)
    damaged = whole[:place] + damage + whole[place + len(damage):]
    (tmp_path / 'a.fff').write_bytes(damaged)
    (tmp_path / 'a.seq').write_bytes(whole + damaged + whole)
    (single,) = page_readers(tmp_path / 'a.fff')
    first, *others = page_readers(tmp_path / 'a.seq')
    np.testing.assert_array_equal(first(), counts[0])
    assert len(others) == 1
    for read in (single, *others):
        with pytest.raises(FrameError, match=r'a\....: cannot be read \(an FFF .*\)') as caught:
            read()
        assert caught.value.cause == 'undecodable'


def test_a_sequence_that_was_cut_gives_its_whole_pictures(tmp_path, counts):
    data = b''.join(plain_fff(frame, '<') for frame in counts[:3])
    for end in (len(data) - 9, len(data) - len(plain_fff(counts[0])) + 9):
        (tmp_path / 'a.seq').write_bytes(data[:end])
        *whole, last = page_readers(tmp_path / 'a.seq')
        np.testing.assert_array_equal([read() for read in whole], counts[:2])
        with pytest.raises(FrameError, match='a.seq: cannot be read .* cut short or damaged'):
            last()


def test_cacophony_recordings_give_counts_but_not_their_background(tmp_path):
    cptv = pytest.importorskip('cptv')
    slope = np.linspace(3000, 9000, 120 * 160).reshape(120, 160)  # what its writer writes
    counts = [np.uint16(slope + 100 * number) for number in range(4)]
    path = tmp_path / 'a.cptv'
    writer = cptv.CPTVWriter(path.open('wb'))
    for number, pixels in enumerate(counts):
        since = timedelta(seconds=number / 9)
        frame = cptv.Frame(pixels, since, timedelta(), 20.0, 20.0, background_frame=number == 0)
        if number:
            writer.write_frame(frame)
        else:
            writer.background_frame = frame
    writer.close()
    frames, _, why = read_all(path)
    np.testing.assert_array_equal(frames, counts[1:])
    assert why == ''
    path.write_bytes(path.read_bytes()[:-10_000])
    with pytest.raises(FrameError, match='a.cptv: cannot be read'):
        read_all(path)


@pytest.mark.parametrize('name, advice', [('a.ptw', 'TIFF'), ('a.xyz', 'convert')])
def test_what_cannot_be_read_says_what_could_be_done(tmp_path, name, advice):
    (tmp_path / name).write_bytes(b'1234')
    assert advice in read_all(tmp_path / name)[2]


# mcap: what is left are whole chunks, of 1 MB
@pytest.mark.parametrize('kind, suffix, count', [('mcap', '.mcap', 600), ('sqlite3', '.db3', 40)])
def test_a_bag_that_was_cut_gives_what_is_left(tmp_path, counts, kind, suffix, count):
    pytest.importorskip('mcap')
    with Recorder(tmp_path / 'drive', kind) as bag:
        for number in range(count):
            bag.image('/front/image_raw', counts[number % 8], 'mono16')
    (stored,) = (tmp_path / 'drive').glob(f'*{suffix}')
    data = stored.read_bytes()
    stored.write_bytes(data[:len(data) // 2])
    for path in (tmp_path / 'drive', stored):
        frames, times, why = read_all(path)
        assert 0.2 * count < len(frames) < 0.8 * count and np.all(np.diff(times) > 0)
        np.testing.assert_array_equal(frames[9], counts[1])
        assert 'cut short' in why and 'recover' in why and str(path) in why


def test_bags_tell_the_stamps_of_their_cameras(tmp_path, counts):
    for kind in ('sqlite3', 'mcap', 'ros1'):
        path = tmp_path / (f'{kind}.bag' if kind == 'ros1' else kind)
        with Recorder(path, kind) as bag:
            for frame in counts:
                bag.image('/front/image_raw', frame, 'mono16')
        with open_recording(Recording(str(path), (path,))) as (stream,):
            frames = list(stream.frames())
        assert stream.camera == '/front/image_raw' and stream.length == 8
        assert [frame.time_ns for frame in frames] == [1000 * (n + 1) for n in range(8)]
        assert [frame.stamp_ns for frame in frames] == [10**9 + 1000 * n for n in range(8)]


@pytest.mark.skipif(not CASES.is_dir(), reason='the examples are not here')
@pytest.mark.parametrize('name, frames, kind', [
    ('ffv1_gray16.mkv', 1, np.uint16), ('multipage_pages2to4_noisy.tif', 4, np.uint8),
    ('celsius_float32.tif', 1, np.float32), ('centicelsius_int16.tif', 1, np.float32),
    ('bag_raw_and_compressedDepth', 1, np.uint16),
])
def test_examples_are_read_rightly(name, frames, kind):
    found, _, why = read_all(CASES / name)
    assert why == '' and len(found) == frames and found[0].dtype == kind
