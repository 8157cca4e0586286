"""Parts of recordings give exactly the frames that reading in one go gives."""

import cv2
from fliqe_ros.frame_io.spans import Span, SplitError, WHOLE
from fliqe_ros.frame_io.streams import find_recordings, narrowed, open_recording
import numpy as np
import pytest
from test_bags import Recorder  # noqa: I100


def frames_of(recording, span):
    """Return (time, stamp, pixels) of the frames of a span, and of the first beyond it."""
    inside, beyond = [], []
    part, span = narrowed(recording, span)
    with open_recording(part, 10.0) as streams:
        for stream in streams:
            for frame in stream.frames(span):
                (beyond if frame.is_beyond else inside).append(
                    (frame.time_ns, frame.stamp_ns, frame.read().tobytes()))
    return inside, beyond


def check(path, frames_each, parts, has_times=True):
    """Hold the spans of a recording of one camera against the whole of it."""
    (recording,), _ = find_recordings(path)
    with open_recording(recording) as (stream,):
        spans = stream.spans(frames_each)
    assert len(spans) == parts
    read = [frames_of(recording, span) for span in spans]
    whole, none = frames_of(recording, WHOLE)
    assert none == []
    first = 0 if has_times else 1  # files of sequences tell no times
    assert [frame[first:] for inside, _ in read for frame in inside] == \
        [frame[first:] for frame in whole]
    for (_, beyond), (following, _) in zip(read, read[1:]):
        assert beyond[0][first:] == following[0][first:]
    assert read[-1][1] == []
    return recording, spans


def pictures(count):
    rng = np.random.default_rng(0)
    base = rng.integers(0, 255, (48, 64), np.uint8)
    return [np.roll(base, number, axis=1) for number in range(count)]


def test_numbered_images_are_parted_by_their_files(tmp_path):
    for number, frame in enumerate(pictures(25)):
        cv2.imwrite(str(tmp_path / f'f{number:02}.png'), frame)
    check(tmp_path, 8, 3, has_times=False)


@pytest.mark.parametrize('kind', ['sqlite3', 'mcap', 'ros1'])
def test_bags_are_parted_by_time(tmp_path, kind):
    path = tmp_path / ('drive.bag' if kind == 'ros1' else 'drive')
    with Recorder(path, kind) as bag:
        for frame in pictures(30):
            bag.image('/front/image_raw', frame, 'mono8')
            bag.write('/else', 'std_msgs/msg/Header', bag.header())
    check(path, 10, 3)


def write_video(path, frames, codec, options):
    av = pytest.importorskip('av')
    with av.open(str(path), 'w') as container:
        stream = container.add_stream(codec, rate=10)
        stream.height, stream.width = frames[0].shape
        stream.pix_fmt = {'ffv1': 'gray', 'mjpeg': 'yuvj420p'}.get(codec, 'yuv420p')
        stream.options = options
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format='gray')))
        container.mux(stream.encode())


@pytest.mark.parametrize('name, codec, options', [
    ('closed.mp4', 'libx264', {'g': '10', 'bf': '2'}),
    ('open.mp4', 'libx264', {'g': '10', 'bf': '3', 'x264-params': 'open-gop=1:scenecut=0'}),
    ('open.mkv', 'libx264', {'g': '10', 'bf': '3', 'x264-params': 'open-gop=1:scenecut=0'}),
    ('plain.mkv', 'libx264', {'g': '10', 'bf': '0'}),
    ('lossless.avi', 'ffv1', {}), ('parts.avi', 'mpeg4', {'g': '10'}),
    ('motion.mov', 'mjpeg', {}),
])
def test_videos_are_parted_by_key_frames(tmp_path, name, codec, options):
    write_video(tmp_path / name, pictures(60), codec, options)
    check(tmp_path / name, 20, 3)


@pytest.mark.parametrize('name', ['stream.h264', 'stream.ts'])
def test_videos_without_an_index_are_read_in_one_go(tmp_path, name):
    write_video(tmp_path / name, pictures(60), 'libx264', {'g': '10'})
    check(tmp_path / name, 20, 1)


def test_gradual_refreshes_are_no_key_frames(tmp_path):
    write_video(tmp_path / 'a.mkv', pictures(60), 'libx264',
                {'g': '10', 'x264-params': 'intra-refresh=1:scenecut=0'})
    (recording,), _ = find_recordings(tmp_path / 'a.mkv')
    with open_recording(recording) as (stream,):
        spans = stream.spans(20)
    whole, _ = frames_of(recording, WHOLE)
    try:
        read = [frame for span in spans for frame in frames_of(recording, span)[0]]
    except SplitError:
        return
    assert read == whole


def test_damage_between_key_frames_is_noticed(tmp_path):
    write_video(tmp_path / 'a.mp4', pictures(60), 'libx264', {'g': '10', 'bf': '0'})
    data = bytearray((tmp_path / 'a.mp4').read_bytes())
    start = data.index(b'mdat') + len(data) // 3
    data[start:start + 4000] = bytes(4000)
    (tmp_path / 'a.mp4').write_bytes(data)
    (recording,), _ = find_recordings(tmp_path / 'a.mp4')
    with open_recording(recording) as (stream,):
        spans = stream.spans(20)
    assert len(spans) == 3
    with pytest.raises(SplitError):
        for span in spans:
            frames_of(recording, span)


def test_a_span_that_begins_with_no_key_frame_is_noticed(tmp_path):
    write_video(tmp_path / 'a.mp4', pictures(30), 'libx264', {'g': '10', 'bf': '0'})
    (recording,), _ = find_recordings(tmp_path / 'a.mp4')
    with pytest.raises(SplitError):
        frames_of(recording, Span(1, None))
