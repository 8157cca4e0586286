"""Simulated cameras: schedules, and the real process over DDS."""

from contextlib import contextmanager, suppress
from importlib.util import find_spec
import signal
import subprocess
import sys
import time

import cv2
from fliqe_ros.distortion_types import Distortion, DISTORTIONS
from fliqe_ros.errors import ScheduleError
from fliqe_ros.simulation import h264
from fliqe_ros.simulation.artifacts.registry import ARTIFACTS
from fliqe_ros.simulation.frame_sources import open_source
from fliqe_ros.simulation.schedule import NAMES, parse_schedule, parse_schedules, Phase, TOUR
from fliqe_ros.tools.camera_sim import FaultyCamera
from fliqe_ros.tools.image_packing import to_message
import numpy as np
import pytest
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data, QoSProfile
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

WIDTH, HEIGHT = 96, 80
WITHOUT_PYAV = pytest.mark.skipif(find_spec('av') is None, reason='pip install av')
#: The artifacts by name; some are made by a video codec.
MADE = [pytest.param(name, marks=WITHOUT_PYAV) if name in ('h264', 'hevc', 'broken_h264') else name
        for name in ARTIFACTS]


# Schedules

def test_a_schedule_is_read_and_written_back():
    text = 'clean:3,lens_blur@0.5:2.5,dropout:1,freeze'
    schedule = parse_schedule(text)
    assert schedule.phases == (Phase('clean', 3.0), Phase('lens_blur', 2.5, 0.5),
                               Phase('dropout', 1.0), Phase('freeze'))
    assert str(schedule) == text
    assert parse_schedule(f' {text.replace(",", " , ")} ') == schedule


def test_phases_follow_each_other_and_the_last_may_stay():
    ends, repeats = parse_schedule('clean:3,freeze:2,ghosting'), parse_schedule('clean:3,freeze:2')
    moments = (0.0, 2.9, 3.0, 4.9, 5.0, 7.9, 8.1)
    assert [ends.at(t).name for t in moments] == [
        'clean', 'clean', 'freeze', 'freeze', 'ghosting', 'ghosting', 'ghosting']
    assert [repeats.at(t).name for t in moments] == [
        'clean', 'clean', 'freeze', 'freeze', 'clean', 'clean', 'freeze']


def test_the_tour_shows_every_distortion_with_clean_before_each():
    phases = parse_schedule('tour:2').phases
    assert {phase.seconds for phase in phases} == {2.0}
    assert [phase.name for phase in phases[::2]] == ['clean'] * 12
    assert [phase.distortion for phase in phases[1::2]] == list(DISTORTIONS)


@pytest.mark.parametrize('name', MADE)
def test_every_artifact_is_known_by_its_name(name):
    phase, = parse_schedule(f'{name}@0.7:3').phases
    assert phase == Phase(name, 3.0, 0.7) and phase.fault == name
    assert phase.distortion == ARTIFACTS[name].distortion
    assert phase.truth == ARTIFACTS[name].distortion.label


@pytest.mark.parametrize('name, truth', [
    ('clean', 'clean'), ('blank', 'blank'), ('dropout', 'dropout'), ('freeze', 'freeze'),
    ('dead_lines', 'non_uniformity'), ('h264', 'compression')])
def test_the_truth_is_the_type_or_what_happens_to_frames(name, truth):
    assert Phase(name).truth == truth


def test_no_artifact_has_the_name_of_another_phase():
    assert len(set(NAMES)) == len(NAMES) and TOUR not in NAMES


def test_what_video_does_is_refused_where_its_codec_is_missing(monkeypatch):
    monkeypatch.setattr(h264, 'IS_AVAILABLE', False)
    assert parse_schedule('torn:3').phases == (Phase('torn', 3.0),)
    for name in ('h264', 'hevc', 'broken_h264'):
        with pytest.raises(ScheduleError, match=f"'{name}:3': this needs PyAV: pip install av"):
            parse_schedule(f'{name}:3')


def test_no_schedule_is_clean_for_ever():
    assert parse_schedule('').at(1e9) == Phase('clean')


@pytest.mark.parametrize('text,reason', [
    ('lens_blurr:3', "'lens_blurr' is none of clean, lens_blur"),
    ('clean:3,:4', "'' is none of"),
    ('clean:three', "'three' is not a number"),
    ('clean:', "'' is not a number"),
    ('clean:nan', "'nan' is not a number"),
    ('clean:0', 'seconds must be above 0'),
    ('clean:-1', 'seconds must be above 0'),
    ('lens_blur@2:3', 'severity must be from 0 to 1'),
    ('lens_blur@x:3', "'x' is not a number"),
    ('clean,freeze:3', "phase 'clean' has no seconds"),
    ('unknown:3', "'unknown' is none of"),
])
def test_a_wrong_schedule_is_refused_with_the_reason(text, reason):
    with pytest.raises(ScheduleError, match=reason):
        parse_schedule(text)


def test_cameras_have_schedules_of_their_own():
    cameras = ['/a', '/b', '/c']
    schedules = parse_schedules('/a=clean:1,freeze:1; /b = dropout ', cameras)
    assert [str(schedules[camera]) for camera in cameras] == [
        'clean:1,freeze:1', 'dropout', 'clean']
    assert str(parse_schedules('freeze;/b=clean:1', cameras)['/c']) == 'freeze'
    with pytest.raises(ScheduleError, match="'/d', but the cameras are /a, /b, /c"):
        parse_schedules('/d=freeze', cameras)


# The camera, without ROS

def faulty_camera(text, deep=False):
    frames = open_source('synthetic', size=(WIDTH, HEIGHT), seed=1)
    return FaultyCamera(frames, parse_schedule(text), seed=1, deep=deep)


@pytest.mark.parametrize('deep,dtype', [(False, np.uint8), (True, np.uint16)])
@pytest.mark.parametrize('name', [*(d.label for d in DISTORTIONS), *MADE])
def test_every_fault_changes_the_picture(name, deep, dtype):
    clean = faulty_camera('clean', deep).capture(0.0)[1]
    phase, distorted = faulty_camera(name, deep).capture(0.0)
    assert phase.name == name
    assert clean.dtype == distorted.dtype == dtype and clean.shape == distorted.shape
    assert not np.array_equal(clean, distorted)


def still_camera(text, deep, seed=1):
    """Return a camera before a scene without motion or noise."""
    frame = next(open_source('synthetic', size=(WIDTH, HEIGHT), seed=1))
    return FaultyCamera(iter([frame] * 10), parse_schedule(text), seed, deep)


@pytest.mark.parametrize('deep', [False, True])
@pytest.mark.parametrize('name', [*(d.label for d in DISTORTIONS), *MADE])
def test_what_lasts_is_steady_and_what_is_random_changes(name, deep):
    camera = still_camera(f'{name}@0.6:1,clean:1', deep)
    first, second = (camera.capture(t)[1] for t in (0.0, 0.5))
    clean, again = (camera.capture(t)[1] for t in (1.5, 2.5))
    is_steady = name not in (
        'gaussian_noise', 'corruption', 'low_contrast', 'noise_alone', 'torn', 'lost_rows',
        'lost_counts', 'half_frame', 'broken_jpeg', 'broken_h264')
    assert np.array_equal(first, second) == is_steady
    assert np.array_equal(first, again) == is_steady, 'the same when it comes back'
    assert not np.array_equal(first, clean)


def test_cameras_have_patterns_of_their_own():
    patterns = [still_camera('non_uniformity', False, seed).capture(0.0)[1] for seed in (1, 2)]
    assert not np.array_equal(*patterns)


def test_dropout_gives_no_picture_and_freeze_the_same_again():
    camera = faulty_camera('clean:1,freeze:1,dropout:1,clean:1')
    before = camera.capture(0.5)[1]
    frozen = [camera.capture(t)[1] for t in (1.0, 1.5)]
    assert all(np.array_equal(picture, before) for picture in frozen)
    assert camera.capture(2.5) == (Phase('dropout', 1.0), None)
    assert not np.array_equal(camera.capture(3.5)[1], before)


def test_freeze_from_the_start_holds_the_first_picture():
    camera = faulty_camera('freeze')
    first, second = camera.capture(0.0)[1], camera.capture(5.0)[1]
    assert first is not None and np.array_equal(first, second)


def test_8_bit_sources_fill_14_bits_in_deep_cameras():
    frames = iter([np.array([[0, 255]], np.uint8)])
    _, picture = FaultyCamera(frames, parse_schedule(''), 0, deep=True).capture(0.0)
    assert picture.tolist() == [[0, 255 << 6]]


def test_messages_hold_the_picture():
    picture = np.arange(12, dtype=np.uint16).reshape(3, 4) * 1000
    message = to_message(picture, 'mono16', Header(frame_id='optics'))
    assert (message.height, message.width, message.step) == (3, 4, 8)
    assert message.header.frame_id == 'optics' and message.encoding == 'mono16'
    np.testing.assert_array_equal(np.frombuffer(message.data, np.uint16).reshape(3, 4), picture)


# The process, over DDS

class Listener:
    """A node that collects messages, and waits for what it should see."""

    def __init__(self, executor, node):
        self.node = node
        self._executor = executor

    def collect(self, message_type, topic, qos=qos_profile_sensor_data):
        messages = []
        self.node.create_subscription(message_type, topic, messages.append, qos)
        return messages

    def wait_until(self, condition, what, timeout_s=30.0):
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, f'no {what} within {timeout_s} s'
            self._executor.spin_once(timeout_sec=0.1)

    def set_schedule(self, text):
        client = self.node.create_client(SetParameters, '/camera_sim/set_parameters')
        self.wait_until(client.service_is_ready, 'parameter service')
        value = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=text)
        request = SetParameters.Request(parameters=[Parameter(name='schedule', value=value)])
        future = client.call_async(request)
        self.wait_until(future.done, 'answer')
        return future.result().results[0]


@pytest.fixture
def listener():
    context = Context()
    rclpy.init(context=context)
    executor = SingleThreadedExecutor(context=context)
    node = Node('listener', context=context)
    executor.add_node(node)
    yield Listener(executor, node)
    executor.shutdown()
    node.destroy_node()
    context.try_shutdown()


@pytest.fixture
def camera_sim(tmp_path):
    """Start camera_sim with these parameters; stopped at the end."""
    @contextmanager
    def start(**parameters):
        values = {'cameras': '[/cam]', 'width': WIDTH, 'height': HEIGHT, **parameters}
        words = [word for name, value in values.items() for word in ('-p', f'{name}:={value}')]
        # Elsewhere than in the checkout, whose own fliqe_ros has no messages.
        process = subprocess.Popen(
            [sys.executable, '-m', 'fliqe_ros.tools.camera_sim', '--ros-args', *words],
            cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            yield process
        finally:
            process.terminate()
            process.communicate()
    return start


def stamp_ns(header):
    return header.stamp.sec * 10 ** 9 + header.stamp.nanosec


def pixels(message):
    dtype = np.uint16 if message.encoding == 'mono16' else np.uint8
    return np.frombuffer(message.data, dtype).reshape(message.height, message.width, -1)


@pytest.mark.parametrize('encoding,dtype,channels', [
    ('mono8', np.uint8, 1), ('mono16', np.uint16, 1), ('bgr8', np.uint8, 3)])
def test_images_of_every_encoding(listener, camera_sim, encoding, dtype, channels):
    images = listener.collect(Image, '/cam/image_raw')
    with camera_sim(encoding=encoding):
        listener.wait_until(lambda: len(images) >= 3, 'images')
    for image in images:
        assert image.encoding == encoding
        assert (image.width, image.height) == (WIDTH, HEIGHT)
        assert image.step == WIDTH * channels * np.dtype(dtype).itemsize
        assert len(image.data) == image.step * HEIGHT
        assert pixels(image).std() > 5
        assert image.header.frame_id == 'cam_optical_frame'


def test_compressed_images(listener, camera_sim):
    images = listener.collect(CompressedImage, '/cam/image_raw/compressed')
    with camera_sim(encoding='compressed'):
        listener.wait_until(lambda: len(images) >= 3, 'images')
    frame = cv2.imdecode(np.frombuffer(images[0].data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert 'jpeg' in images[0].format
    assert frame.shape == (HEIGHT, WIDTH) and frame.std() > 5


def test_stamps_come_at_the_rate_asked_for_from_the_system_clock(listener, camera_sim):
    images = listener.collect(Image, '/cam/image_raw')
    with camera_sim(rate=20.0):
        listener.wait_until(lambda: len(images) >= 20, 'images')
    stamps = np.array([stamp_ns(image.header) for image in images]) / 1e9
    assert abs(time.time() - stamps[-1]) < 30
    assert np.median(np.diff(stamps)) == pytest.approx(1 / 20, rel=0.2)


def test_several_cameras_show_different_scenes(listener, camera_sim):
    front, rear = (listener.collect(Image, f'/robot/{name}/image_raw')
                   for name in ('front', 'rear'))
    with camera_sim(cameras='[/robot/front, /robot/rear]', frame_id='optics'):
        listener.wait_until(lambda: front and rear, 'images of both cameras')
    assert front[0].header.frame_id == 'optics'
    assert front[0].data != rear[0].data


def test_the_schedule_is_followed_and_its_truth_published(listener, camera_sim):
    images = listener.collect(Image, '/cam/image_raw')
    phases = listener.collect(Header, '/cam/phase', QoSProfile(depth=100))
    seconds = 0.6
    names = ['underexposure', 'clean', 'freeze', 'dropout', 'dead_lines']
    labels = [*names[:-1], 'non_uniformity']
    with camera_sim(rate=20, schedule=','.join(f'{name}:{seconds}' for name in names)):
        listener.wait_until(
            lambda: [p.frame_id for p in phases].count('underexposure') and len(phases) > 80,
            'whole cycle')
    truth = {stamp_ns(header): header.frame_id for header in phases}
    seen = {name: [image for image in images if truth.get(stamp_ns(image.header)) == name]
            for name in labels}
    assert set(truth.values()) == set(labels)
    assert not seen['dropout']
    assert all(seen[name] for name in labels if name != 'dropout')

    def mean(name):
        return np.mean([pixels(image).mean() for image in seen[name]])

    assert mean('underexposure') < 0.5 * mean('clean')
    frozen = [image for image in seen['freeze'] if stamp_ns(image.header) <= min(
        stamp for stamp in truth if truth[stamp] == 'freeze') + 0.5e9]
    assert len({bytes(image.data) for image in frozen}) == 1 < len(frozen)
    assert len({stamp_ns(image.header) for image in frozen}) == len(frozen)
    assert len({bytes(image.data) for image in seen['clean']}) == len(seen['clean'])


def test_a_schedule_set_while_running_begins_at_once_and_a_wrong_one_is_refused(
        listener, camera_sim):
    phases = listener.collect(Header, '/cam/phase', QoSProfile(depth=100))
    with camera_sim():
        listener.wait_until(lambda: phases, 'phase')
        assert {header.frame_id for header in phases} == {'clean'}
        assert listener.set_schedule('/cam=ghosting').successful
        listener.wait_until(lambda: phases[-1].frame_id == 'ghosting', 'new schedule')
        refused = listener.set_schedule('/cam=ghostly')
        assert not refused.successful and "'ghostly' is none of" in refused.reason
        count = len(phases)
        listener.wait_until(lambda: len(phases) > count + 2, 'further phases')
        assert phases[-1].frame_id == 'ghosting'


def test_images_are_reliable_where_overridden(listener, camera_sim):
    images = listener.collect(Image, '/cam/image_raw', QoSProfile(depth=5))  # reliable
    with camera_sim(**{'qos_overrides./cam/image_raw.publisher.reliability': 'reliable'}):
        listener.wait_until(lambda: images, 'image')


@pytest.mark.parametrize('signals', [[signal.SIGINT], [signal.SIGTERM],
                                     [signal.SIGINT, signal.SIGINT]])
def test_signals_end_it_cleanly(listener, camera_sim, signals):
    images = listener.collect(Image, '/cam/image_raw')
    with camera_sim() as process:
        listener.wait_until(lambda: images, 'image')
        for number in signals:
            process.send_signal(number)
        output, _ = process.communicate(timeout=10)
    assert process.returncode == 0, output
    assert 'Traceback' not in output


def test_impatient_users_do_not_kill_it(listener, camera_sim):
    images = listener.collect(Image, '/cam/image_raw')
    with camera_sim() as process:
        listener.wait_until(lambda: images, 'image')
        deadline_s = time.monotonic() + 10
        while process.poll() is None and time.monotonic() < deadline_s:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.005)
    assert process.returncode == 0


def test_it_ends_with_a_source_that_is_not_looped(camera_sim, tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), np.full((HEIGHT, WIDTH), 90, np.uint8))
    with camera_sim(source=tmp_path, loop='false') as process:
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert '/cam: the source has ended' in output


@pytest.mark.parametrize('parameters,reason', [
    ({'schedule': 'lens_blurr:3'}, "'lens_blurr' is none of"),
    ({'encoding': 'mono12'}, "encoding 'mono12' is none of mono8, mono16, bgr8, compressed"),
    ({'source': '/no/such/place'}, '/no/such/place: no such file or folder'),
    ({'cameras': '[/cam, /cam]'}, 'cameras must be different namespaces'),
    ({'cameras': "['front camera']"}, 'Invalid topic name'),
    ({'width': '96', 'height': '0'}, 'width and height must both be given'),
    ({'rate': '1000.0'}, 'rate'),
    ({'rate': '1000'}, 'rate must be 0.1 to 240.0 Hz, not 1000'),
    ({'rate': 'fast'}, "rate must be 0.1 to 240.0 Hz, not 'fast'"),
])
def test_wrong_parameters_end_it_with_the_reason(camera_sim, parameters, reason):
    with camera_sim(**parameters) as process:
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert reason in output and 'Traceback' not in output


def test_phase_names_are_those_of_the_message():
    assert Phase('clean').distortion == Distortion.CLEAN == Phase('dropout').distortion
