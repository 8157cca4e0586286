"""A recording that is scored gives what the node said while it was made."""

import cv2
from fliqe_ros import FLIQE
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.monitoring.status import Status
from fliqe_ros.msg import QualityScore
from fliqe_ros.profiles.files import save_profile
from fliqe_ros.profiles.learning import ProfileLearner
from fliqe_ros.simulation.distortions import distort
from fliqe_ros.simulation.scenes.thermal_scene import ThermalScene
from fliqe_ros.tools import score
import numpy as np
import pytest
from rclpy.serialization import deserialize_message
from rclpy.time import Time
from rosgraph_msgs.msg import Clock
from simulated_robot import image_message

FRONT = '/flir_front'
STEP_NS = 100_000_000
START_NS = 10**12


def film():
    """Return frames at 10 Hz: good, noisy, good, soft ones, and a picture that freezes."""
    scene, rng = ThermalScene(77, 128, 160), np.random.default_rng(0)
    frames = [GainControl()(scene.sensor_counts(scene.render(number / 10), rng))
              for number in range(60)]
    frames[20:35] = [distort(frame, Distortion.GAUSSIAN_NOISE, rng=rng) for frame in frames[20:35]]
    soft = [cv2.GaussianBlur(frame, (0, 0), 1.5) for frame in frames[40:60]]
    return [*frames, *soft, *[frames[-1]] * 60, *frames[:10]]


def learn(frames, path):
    """Store what is normal for a camera that shows these frames."""
    fliqe = FLIQE(device='cpu')
    learner = ProfileLearner(fliqe.model_id)
    for frame in frames:
        prepared = fliqe.prepare(frame)
        learner.add(frame, *fliqe.assess_prepared([prepared]))
    save_profile(learner.profile(), path)


def record(path, frames):
    rosbag2 = pytest.importorskip('rosbags.rosbag2')
    from rosbags.typesys import get_typestore, Stores
    store = get_typestore(Stores.ROS2_JAZZY)
    image = 'sensor_msgs/msg/Image'
    with rosbag2.Writer(path, version=9) as writer:
        connection = writer.add_connection(f'{FRONT}/image_raw', image, typestore=store)
        for number, frame in enumerate(frames):
            time_ns = START_NS + number * STEP_NS
            stamp = store.types['builtin_interfaces/msg/Time'](
                sec=time_ns // 10**9, nanosec=time_ns % 10**9)
            header = store.types['std_msgs/msg/Header'](stamp=stamp, frame_id='camera')
            message = store.types[image](
                header=header, height=frame.shape[0], width=frame.shape[1], encoding='mono8',
                is_bigendian=0, step=frame.shape[1], data=frame.ravel())
            writer.write(connection, time_ns, store.serialize_cdr(message, image))


def reasons_in(bag):
    """Return the reasons that the messages of a bag on the quality of a camera give."""
    rosbag2 = pytest.importorskip('rosbags.rosbag2')
    with rosbag2.Reader(bag) as reader:
        return [deserialize_message(data, QualityScore).reason
                for connection, _, data in reader.messages()
                if connection.topic == f'{FRONT}/quality']


@pytest.mark.parametrize('is_learnt', [False, True])
def test_the_node_and_score_say_the_same_of_a_recording(robot, run_node, tmp_path, is_learnt):
    parquet = pytest.importorskip('pyarrow.parquet')
    frames, profiles = film(), tmp_path / 'profiles'
    profiles.mkdir()
    if is_learnt:
        learn(frames[:20], profiles / 'flir_front.json')
    record(tmp_path / 'drive', frames)
    clock = robot.node.create_publisher(Clock, '/clock', 10)
    node = run_node(cameras=[FRONT], use_sim_time=True, model='', stale_after=0.0,
                    profile_folder=str(profiles)).node
    robot.listen(FRONT)
    driver = robot.camera(FRONT)
    robot.start()
    robot.wait_until_subscribed(driver)
    robot.wait_for_publishers(f'{FRONT}/quality')
    said = {}
    for number, frame in enumerate(frames):
        now = Time(nanoseconds=START_NS + number * STEP_NS)

        def is_now():
            clock.publish(Clock(clock=now.to_msg()))
            return node.get_clock().now().nanoseconds == now.nanoseconds

        robot.spin_until(is_now, 'time')
        message = image_message(frame)
        message.header.stamp = now.to_msg()
        driver.publisher.publish(message)
        said[number] = robot.spin_until(lambda: next(
            (each for each in robot.scores[FRONT]
             if Time.from_msg(each.header.stamp).nanoseconds == now.nanoseconds), None), 'score')

    words = [tmp_path / 'drive', '--out', tmp_path / 'out', '--profiles', profiles, '--bag']
    assert score.main([*map(str, words), '--device', 'cpu', '-q']) == 0
    found = parquet.read_table(tmp_path / 'out' / 'frames.parquet').to_pydict()
    assert found['stamp_ns'] == [START_NS + number * STEP_NS for number in said]
    np.testing.assert_allclose(found['score'], [each.score for each in said.values()], atol=1e-5)
    np.testing.assert_allclose(
        found['smoothed'], [each.smoothed_score for each in said.values()], atol=1e-5)
    statuses = [Status(each.status).label for each in said.values()]
    assert found['status'] == statuses
    assert {'unknown', 'ok', 'bad', 'frozen'} <= set(statuses)
    assert found['status_distortion'] == [
        Distortion(each.status_distortion).label for each in said.values()]
    assert found['type'] == [Distortion(each.distortion).label for each in said.values()]
    bag, = (tmp_path / 'out' / 'bags').iterdir()
    reasons = [each.reason for each in said.values()]
    assert reasons_in(bag) == reasons
    assert any('than this camera was when it was learnt' in each for each in reasons) == is_learnt
