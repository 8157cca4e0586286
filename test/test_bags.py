"""Recorded ROS bags as sources of frames, written for real by rosbags."""

import cv2
from fliqe_ros.data.sources import FRAMES_PER_CLIP, grouped_frames, load_sources, synthetic_source
from fliqe_ros.errors import SourceError
from fliqe_ros.frame_io.files import find_files, read_frames, read_sequences
from fliqe_ros.simulation.frame_sources import open_source
from fliqe_ros.tools import score
import numpy as np
import pytest

pytest.importorskip('rosbags', reason='bags are read with the optional package rosbags')

from rosbags import rosbag1, rosbag2  # noqa: E402, I100
from rosbags.typesys import get_typestore, Stores  # noqa: E402

STORE1, STORE2 = get_typestore(Stores.ROS1_NOETIC), get_typestore(Stores.ROS2_JAZZY)
IMAGE, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
IMU = 'sensor_msgs/msg/MagneticField'
FORMATS = ('sqlite3', 'mcap', 'ros1')


class Recorder:
    """Writes a bag in one of ``FORMATS``."""

    def __init__(self, path, kind):
        self.ros1, self.store = kind == 'ros1', STORE1 if kind == 'ros1' else STORE2
        if self.ros1:
            self.writer = rosbag1.Writer(path)
        else:
            plugin = {'sqlite3': rosbag2.StoragePlugin.SQLITE3, 'mcap': rosbag2.StoragePlugin.MCAP}
            self.writer = rosbag2.Writer(path, version=9, storage_plugin=plugin[kind])
        self.connections, self.stamp = {}, 0

    def __enter__(self):
        self.writer.open()
        return self

    def __exit__(self, *_):
        self.writer.close()

    def header(self):
        fields = {'seq': 0} if self.ros1 else {}
        stamp = self.store.types['builtin_interfaces/msg/Time'](sec=1, nanosec=self.stamp)
        return self.store.types['std_msgs/msg/Header'](stamp=stamp, frame_id='camera', **fields)

    def image(self, topic, pixels, encoding, **changed):
        fields = {'height': pixels.shape[0], 'width': pixels.shape[1], 'encoding': encoding,
                  'is_bigendian': 0, 'step': pixels.strides[0],
                  'data': np.frombuffer(pixels.tobytes(), np.uint8), **changed}
        self.write(topic, IMAGE, self.store.types[IMAGE](header=self.header(), **fields))

    def compressed(self, topic, pixels, suffix='.png'):
        data = cv2.imencode(suffix, pixels)[1].ravel()
        self.write(topic, COMPRESSED, self.store.types[COMPRESSED](
            header=self.header(), format=suffix[1:], data=data))

    def write(self, topic, msgtype, message):
        serialise = self.store.serialize_ros1 if self.ros1 else self.store.serialize_cdr
        self.write_raw(topic, msgtype, serialise(message, msgtype))

    def write_raw(self, topic, msgtype, data):
        if topic not in self.connections:
            self.connections[topic] = self.writer.add_connection(
                topic, msgtype, typestore=self.store)
        self.stamp += 1000
        self.writer.write(self.connections[topic], self.stamp, bytes(data))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def bag_path(tmp_path, kind, name='drive'):
    return tmp_path / (f'{name}.bag' if kind == 'ros1' else name)


@pytest.mark.parametrize('kind', FORMATS)
def test_every_image_topic_of_every_format_is_read(tmp_path, rng, kind):
    gray = rng.integers(0, 256, (4, 20, 30), np.uint8)
    counts = rng.integers(0, 16384, (4, 24, 36), np.uint16)
    path = bag_path(tmp_path, kind)
    with Recorder(path, kind) as bag:
        for i in range(4):  # in turn, as cameras record
            bag.image('/front/image_raw', gray[i], 'mono8')
            bag.image('/rear/image_raw', counts[i], 'mono16')
            bag.compressed('/front/image_raw/compressed', gray[i])  # the same once more
            bag.compressed('/side/image_raw/compressed', counts[i])
            bag.image('/colour', np.full((8, 8, 3), 50 + i, np.uint8), 'bgr8')
            bag.image('/kelvin', np.float32([[280, 300], [290, 280 + i]]), '32FC1')
    assert find_files(path) == find_files(tmp_path) == [path]
    found = {name: list(frames) for name, frames in read_sequences(path)}
    assert list(found) == [f'{path}:{topic}' for topic in (
        '/colour', '/front/image_raw', '/kelvin', '/rear/image_raw',
        '/side/image_raw/compressed')]
    colour, front, kelvin, rear, side = found.values()
    np.testing.assert_array_equal(front, gray)
    np.testing.assert_array_equal(rear, counts)
    np.testing.assert_array_equal(side, counts)
    assert front[0].dtype == np.uint8 and rear[0].dtype == side[0].dtype == np.uint16
    assert [frame[0, 0] for frame in colour] == [50, 51, 52, 53] and colour[0].shape == (8, 8)
    assert kelvin[0].dtype == np.uint8 and kelvin[0][0, 0] == 0 and kelvin[0][0, 1] == 255
    assert len(list(read_frames(path))) == 20


@pytest.mark.parametrize('kind,suffix', [('sqlite3', '.db3'), ('mcap', '.mcap')])
def test_the_file_of_a_rosbag2_is_read_alone(tmp_path, rng, kind, suffix):
    gray = rng.integers(0, 256, (20, 30), np.uint8)
    with Recorder(tmp_path / 'drive', kind) as bag:
        bag.image('/image_raw', gray, 'mono8')
    (stored,) = (tmp_path / 'drive').glob(f'*{suffix}')
    alone = tmp_path / 'alone' / stored.name
    alone.parent.mkdir()
    stored.rename(alone)
    assert find_files(alone.parent) == [alone]
    (frame,) = read_frames(alone)
    np.testing.assert_array_equal(frame, gray)


@pytest.mark.parametrize('kind', FORMATS)
def test_broken_messages_are_skipped_with_one_warning(tmp_path, rng, kind, caplog):
    gray = rng.integers(0, 256, (20, 30), np.uint8)
    path = bag_path(tmp_path, kind)
    with Recorder(path, kind) as bag:
        bag.image('/image_raw', gray, 'mono8')
        bag.image('/image_raw', gray, 'mono8', data=gray.ravel()[:100])
        bag.image('/image_raw', gray, 'no such encoding')
        bag.write_raw('/image_raw', IMAGE, b'\0\1\0\0\1\2\3')
        bag.image('/image_raw', gray, 'mono8')
        bag.compressed('/broken/compressed', gray)
        bag.write_raw('/broken/compressed', COMPRESSED, b'')
    frames = list(open_source(path, loop=False))
    np.testing.assert_array_equal(frames, [gray] * 3)
    first, second = (record.message for record in caplog.records)
    assert 'skipped' in first and '1 messages on /broken/compressed' in first
    assert '3 messages on /image_raw' in second and 'not a message' in second


@pytest.mark.parametrize('kind', FORMATS)
def test_a_bag_without_images_is_an_error_that_names_it(tmp_path, kind):
    path = bag_path(tmp_path, kind)
    with Recorder(path, kind) as bag:
        vector = bag.store.types['geometry_msgs/msg/Vector3'](x=1.0, y=2.0, z=3.0)
        bag.write('/imu', IMU, bag.store.types[IMU](
            header=bag.header(), magnetic_field=vector, magnetic_field_covariance=np.zeros(9)))
    with pytest.raises(SourceError, match='drive.*no topic of images'):
        list(read_frames(path))


@pytest.mark.parametrize('name', ['bad.bag', 'bad.db3', 'bad.mcap'])
def test_a_file_that_is_no_bag_is_an_error_that_names_it(tmp_path, name):
    (tmp_path / name).write_bytes(b'nonsense ' * 50)
    with pytest.raises(SourceError, match=f'{name}: not a bag that can be read'):
        list(read_frames(tmp_path / name))


def test_a_bag_cut_short_is_an_error_or_gives_what_is_there(tmp_path, rng):
    gray = rng.integers(0, 256, (20, 30), np.uint8)
    with Recorder(tmp_path / 'drive.bag', 'ros1') as bag:
        for _ in range(20):
            bag.image('/image_raw', gray, 'mono8')
    whole = (tmp_path / 'drive.bag').read_bytes()
    for length in range(0, len(whole), 997):
        (tmp_path / 'drive.bag').write_bytes(whole[:length])
        try:
            frames = list(read_frames(tmp_path / 'drive.bag'))
        except SourceError as error:
            assert 'drive.bag' in str(error)
        else:
            np.testing.assert_array_equal(frames, [gray] * len(frames))


def test_a_folder_with_another_metadata_file_is_no_bag(tmp_path):
    (tmp_path / 'metadata.yaml').write_text('licence: MIT\n')
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros((8, 8), np.uint8))
    assert find_files(tmp_path) == [tmp_path / 'a.png']


def test_without_rosbags_the_error_says_what_to_install(tmp_path, monkeypatch):
    with Recorder(tmp_path / 'drive', 'mcap') as bag:
        bag.image('/image_raw', np.zeros((8, 8), np.uint8), 'mono8')
    monkeypatch.setitem(__import__('sys').modules, 'rosbags', None)
    with pytest.raises(SourceError, match='drive: .*pip install rosbags'):
        list(read_frames(tmp_path / 'drive'))


def test_each_topic_is_a_group_of_its_own_sampled_evenly(tmp_path):
    folder = tmp_path / 'robot'
    folder.mkdir()
    with Recorder(folder / 'drive', 'mcap') as bag:
        for level in range(50):
            bag.image('/front', np.full((64, 64), level, np.uint8), 'mono8')
            bag.image('/rear', np.full((64, 64), 100 + level, np.uint8), 'mono8')
    frames = list(grouped_frames(folder))
    assert [frame.group for frame in frames] == \
        ['drive:/front'] * FRAMES_PER_CLIP + ['drive:/rear'] * FRAMES_PER_CLIP
    assert [frame.pixels[0, 0] for frame in frames[:4]] == [5, 18, 31, 45]
    (source,) = load_sources(tmp_path)
    assert {frame.group for frame in source.training}.isdisjoint(
        {frame.group for frame in source.validation})


def test_a_broken_bag_is_left_out_of_training_with_a_warning(tmp_path, caplog):
    (tmp_path / 'bad.mcap').write_bytes(b'nonsense')
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros((8, 8), np.uint8))
    assert [frame.group for frame in grouped_frames(tmp_path)] == ['a']
    assert 'left out' in caplog.text and 'bad.mcap' in caplog.text


def test_score_gives_a_line_for_each_topic(tmp_path, capsys):
    frames = [frame.pixels for frame in synthetic_source(4, 1, 128, 160).training[:2]]
    with Recorder(tmp_path / 'drive', 'sqlite3') as bag:
        for frame in frames:
            bag.image('/front', frame, 'mono16')
            bag.image('/rear', frame, 'mono16')
            bag.image('/unreadable', frame, 'no such encoding')
    assert score.main([str(tmp_path), '--device', 'cpu']) == 1
    told = capsys.readouterr()
    lines = [line.split() for line in told.out.splitlines()]
    assert [line[2] for line in lines] == [f'{tmp_path}/drive:/front', f'{tmp_path}/drive:/rear']
    assert lines[0][:2] == lines[1][:2] and 0 <= float(lines[0][0]) <= 1
    assert '/unreadable: not one readable frame' in told.err
