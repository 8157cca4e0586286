"""Cameras that are named or connected wrongly: each fault in one sentence, over DDS."""

from builtin_interfaces.msg import Time
import cv2
from fliqe_ros.node.camera_names import camera_and_topic, thermal_cameras
from fliqe_ros.node.node_parameters import unknown_overrides
import numpy as np
import pytest
from rclpy.qos import ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image
from simulated_robot import image_message

FRONT = '/flir_front'


@pytest.fixture
def run(run_node):
    """Start a node with the packaged model, which takes least time."""
    def start(*arguments, **parameters):
        return run_node(*arguments, **{'model': '', 'stale_after': 0.0, **parameters})
    return start


@pytest.fixture
def logged(capfd):
    """Return a function that counts a sentence in what the node has logged so far."""
    text = []

    def count(sentence):
        text.append(capfd.readouterr().err)
        return ''.join(text).count(sentence)

    return count


def fault_of(robot, sentence, camera=FRONT):
    """Wait until the diagnostics of a camera tell a fault; it is a warning."""
    status = robot.wait_for_status(
        f'fliqe: {camera}', lambda s: sentence in s.message, timeout_s=60)
    assert status.level == status.WARN


def tells_once(robot, logged, sentence, camera=FRONT):
    fault_of(robot, sentence, camera)
    for _ in range(3):
        robot.wait_for_status(f'fliqe: {camera}', lambda s: True)
    assert logged(f'{camera}: {sentence}') == 1


def test_no_publisher(robot, run, logged):
    run(cameras=[FRONT])
    robot.start()
    tells_once(robot, logged, f'nobody publishes {FRONT}/image_raw')


def test_two_publishers(robot, run, logged):
    run(cameras=[FRONT])
    robot.camera(FRONT)
    robot.active_camera(FRONT)
    tells_once(robot, logged, f'2 publishers on {FRONT}/image_raw: /robot and /robot')


def test_a_topic_of_another_type(robot, run, logged):
    run(cameras=[FRONT])
    robot.camera(FRONT, message_type=CompressedImage)
    robot.start()
    tells_once(robot, logged, f'{FRONT}/image_raw is of type sensor_msgs/msg/CompressedImage, '
                              'not sensor_msgs/msg/Image: set image_topic or transport')


def test_qos_that_does_not_fit(robot, run, logged):
    run(cameras=[FRONT], **{
        f'qos_overrides.{FRONT}/image_raw.subscription.reliability': 'reliable'})
    robot.camera(FRONT, reliability=ReliabilityPolicy.BEST_EFFORT)
    robot.start()
    tells_once(robot, logged, f'{FRONT}/image_raw: /robot offers best effort, but qos_overrides '
                              'of this node ask for reliable')


def test_another_node_scores_the_same_camera(robot, run, run_node, logged):
    run(cameras=[FRONT])
    robot.active_camera(FRONT)
    run_node(model='', cameras=[FRONT], remappings=[('__node', 'second')], stale_after=0.0)
    robot.name = '/second'
    robot.start()
    ending = f'publishes {FRONT}/quality as well: end one of them, or give them different cameras'
    tells_once(robot, logged, f'/second {ending}')
    robot.wait_for_status(f'second: {FRONT}', lambda s: f'/fliqe {ending}' in s.message)


def test_another_node_of_the_same_name_scores_the_same_camera(robot, run, logged):
    run(cameras=[FRONT])
    robot.active_camera(FRONT)
    run(cameras=[FRONT], autostart=True)
    fault_of(robot, f'another node of the name /fliqe publishes {FRONT}/quality as well')


@pytest.mark.parametrize('stamps, sentence', [
    ([0, 0], 'stamps are zero: let the driver stamp its images'),
    ([4_000_000_000, 4_000_000_001], 'ahead of the clock of this node: synchronise the clocks'),
    ([2000, 1000], 'stamps run backwards, by 1000.000 s'),
], ids=['zero', 'future', 'backwards'])
def test_stamps(robot, run, logged, stamps, sentence):
    run(cameras=[FRONT])
    front = robot.active_camera(FRONT)
    for stamp in stamps:
        message = image_message(front.frame())
        message.header.stamp = Time(sec=stamp % 2**31)
        front.publisher.publish(message)
    fault_of(robot, sentence)
    assert logged(sentence) == 1


def test_good_stamps_are_no_fault(robot, run):
    run(cameras=[FRONT], warn_below=0.0, error_below=0.0)
    front = robot.active_camera(FRONT)
    front.run(10.0)
    robot.wait_for_scores(FRONT, 5)
    for _ in range(5):
        status = robot.wait_for_status(f'fliqe: {FRONT}', lambda s: True)
    assert status.level == status.OK


def test_a_size_that_changes(robot, run, logged):
    run(cameras=[FRONT])
    front = robot.active_camera(FRONT)
    front.publish()
    robot.wait_for_scores(FRONT, 1)
    front.publish(image_message(np.zeros((240, 320), np.uint16)))
    tells_once(robot, logged, 'images change from 160x128 mono8 to 320x240 mono16')


def test_a_rate_that_changes(robot, run, logged):
    run(cameras=[FRONT])
    front = robot.active_camera(FRONT)
    front.run(8.0)
    robot.spin_until(lambda: len(front.sent) > 90, 'images')
    front.run(2.0)
    fault_of(robot, ' Hz and now come at ')
    assert logged('images came at ') == 1


def test_no_camera(robot, run, logged):
    run(discover='auto')
    robot.camera('/webcam', topic='picture')
    robot.camera('/other/quality', topic='preview')  # of another node
    robot.start()
    sentence = ('no camera found: set cameras to those of these topics that are thermal: '
                '/webcam/picture')
    status = robot.wait_for_status('fliqe: inference', lambda s: sentence in s.message)
    assert status.level == status.WARN
    for _ in range(3):
        robot.wait_for_status('fliqe: inference', lambda s: True)
    assert logged(sentence) == 1


def test_an_override_for_a_camera_that_does_not_exist(robot, run, logged):
    run(cameras=[FRONT], **{
        'qos_overrides./flir_frnt/image_raw.subscription.reliability': 'reliable'})
    robot.start()
    sentence = 'qos_overrides name /flir_frnt/image_raw, which is the image topic of no camera'
    robot.wait_for_status('fliqe: inference', lambda s: sentence in s.message)
    assert logged(sentence) == 1


def test_start_up_parameters_that_do_not_exist(robot, run, logged, tmp_path):
    file = tmp_path / 'parameters.yaml'
    file.write_text('/**: {ros__parameters: {warn_bellow: 0.5}}')
    run('--params-file', str(file), nosuch=3, cameras=[FRONT])
    status = robot.wait_for_status('fliqe: inference', lambda s: True)
    assert ('unknown parameters', 'nosuch, warn_bellow') in robot.values(status)
    text = 'there is no parameter'
    assert logged(f'{text} warn_bellow, did you mean warn_below?') == 1


def test_parameters_of_ros_are_no_typos():
    assert unknown_overrides([
        'use_sim_time', 'start_type_description_service', 'cameras', 'agc.low',
        'qos_overrides./clock.subscription.depth']) == ()


def test_a_refused_list_of_cameras_is_an_error_and_not_all(robot, run):
    run(discover='auto', cameras=['/flir front'])
    other = robot.camera('/other')
    robot.start()
    status = robot.wait_for_status('fliqe: inference', lambda s: s.level == s.ERROR)
    assert "these cameras are not scored: cameras: '/flir front'" in status.message
    for _ in range(3):
        robot.wait_for_status('fliqe: inference', lambda s: True)
    assert other.publisher.get_subscription_count() == 0


def test_cameras_that_are_named_are_scored_alone(robot, run):
    run(discover='auto', cameras=[FRONT])
    other = robot.camera('/other')
    robot.active_camera(FRONT)
    for _ in range(3):
        robot.wait_for_status(f'fliqe: {FRONT}', lambda s: True)
    assert other.publisher.get_subscription_count() == 0


@pytest.mark.parametrize('given, camera, topic', [
    ('/cam/', '/cam', 'image_raw'),
    ('/cam/image_raw', '/cam', 'image_raw'),
    ('/drone/image_mono16', '/drone', 'image_mono16'),
])
def test_what_is_given_for_a_camera(robot, run, given, camera, topic):
    run(cameras=[given])
    robot.listen(camera)
    driver = robot.camera(camera, topic=topic)
    robot.start()
    robot.wait_until_subscribed(driver)
    robot.wait_for_publishers(f'{camera}/quality')
    driver.publish()
    assert robot.wait_for_scores(camera, 1)[0].camera == camera


def test_an_image_topic_in_the_root_is_a_camera_there(robot, run):
    run('-r', '__ns:=/robot1', cameras=['/thermal_image', 'temperature_image'])
    robot.name = '/robot1/fliqe'
    scores = [robot.collect('/quality'), robot.collect('/robot1/quality')]
    drivers = robot.camera('', 'thermal_image'), robot.camera('/robot1', 'temperature_image')
    robot.start()
    robot.wait_until_subscribed(*drivers)
    robot.wait_for_publishers('/quality', '/robot1/quality')
    for driver in drivers:
        driver.publish()
    robot.spin_until(lambda: all(scores), 'scores')
    assert [each[0].camera for each in scores] == ['/', '/robot1']
    for camera, name in (('/', 'robot1.fliqe: root'), ('/robot1', 'robot1.fliqe: robot1')):
        status = robot.wait_for_status(f'robot1.fliqe: {camera}', lambda s: True)
        assert (status.name, status.hardware_id) == (name, camera)
    assert robot.trigger('/quality/reset').success


def test_a_camera_that_is_an_image_topic_is_told_what_to_set(robot, run, logged):
    run(cameras=['/thermal'])
    driver = robot.camera('', 'thermal')
    robot.start()
    tells_once(robot, logged, 'nobody publishes /thermal/image_raw, but /thermal is an image '
                              'topic itself: name / in cameras and set '
                              'camera_settings.root.image_topic to thermal', '/thermal')
    assert robot.transition('deactivate') and robot.transition('cleanup')
    assert robot.set_parameters(cameras=['/']).successful
    robot.spin_until(
        lambda: robot.set_parameters(camera_settings__root__image_topic='thermal').successful,
        'parameters of the camera')
    robot.start()
    robot.wait_until_subscribed(driver)


@pytest.mark.parametrize('name, expected', [
    ('/thermal_image', ('/', 'thermal_image')), ('/cam/image_thermal', ('/cam', 'image_thermal')),
    ('/thermal_image/compressed', ('/', 'thermal_image')), ('/thermal', ('/thermal', 'image_raw')),
    ('/cam', ('/cam', 'image_raw')), ('/', ('/', 'image_raw')),
    ('/image_raw', ('/', 'image_raw')), ('/cam/image_raw/compressed', ('/cam', 'image_raw')),
    ('/robot/thermal', ('/robot/thermal', 'image_raw')),
])
def test_names_of_cameras(name, expected):
    assert camera_and_topic(name, 'image_raw') == expected


def test_cameras_with_usual_thermal_names_are_found(robot, run):
    run(discover='auto')
    drivers = [robot.camera(camera, topic=topic) for camera, topic in (
        ('/robot1/thermal', 'image'), ('', 'thermal_image'), ('/boson', 'image_raw'))]
    colour = robot.camera('/webcam', topic='image')
    robot.start()
    robot.wait_until_subscribed(*drivers)
    robot.wait_for_publishers('/robot1/thermal/quality', '/quality', '/boson/quality')
    assert colour.publisher.get_subscription_count() == 0


def photograph(front):
    """Return a picture with many colours that are of no palette."""
    rng = np.random.default_rng(0)
    spots = rng.integers(0, 256, (16, 20, 3), np.uint8)
    return np.kron(spots, np.ones((8, 8, 1), np.uint8)) // 2 + front.frame()[..., None] // 2


def test_colour_and_depth_that_are_found_are_left_aside(robot, run, logged):
    run(discover='auto')
    colour, depth, palette, thermal = (robot.camera(camera) for camera in (
        '/color', '/aligned_depth', '/ironbow', '/boson'))
    drivers = (colour, depth, palette, thermal)
    robot.start()
    robot.wait_until_subscribed(*drivers)
    counts = thermal.frame().astype(np.uint16) * 40
    deep = image_message(counts)
    deep.encoding = '16UC1'
    ironbow = cv2.applyColorMap(thermal.frame(), cv2.COLORMAP_INFERNO)
    colour.run(10.0, image_message(photograph(colour)))
    depth.run(10.0, deep)
    palette.run(10.0, image_message(ironbow))
    thermal.run(10.0, deep)
    status = robot.wait_for_status(
        'fliqe: inference', lambda s: {('left aside: /color', 'true colour'),
                                       ('left aside: /aligned_depth', 'depth')}
        <= set(robot.values(s)), timeout_s=60)
    robot.spin_until(lambda: colour.publisher.get_subscription_count() == 0, 'end')
    robot.wait_for_publishers('/ironbow/quality', '/boson/quality')
    assert len([key for key, _ in robot.values(status) if key.startswith('left aside')]) == 2
    assert logged('/color: its pictures are true colour, so it is left aside') == 1
    assert palette.publisher.get_subscription_count() == 1
    assert thermal.publisher.get_subscription_count() == 1


def test_colour_that_is_named_is_scored(robot, run):
    run(cameras=['/color'])
    colour = robot.active_camera('/color')
    colour.run(10.0, image_message(photograph(colour)))
    robot.wait_for_scores('/color', 15)
    assert colour.publisher.get_subscription_count() == 1


def test_usual_thermal_names():
    topics = ['/thermal_image', '/thermal/image', '/flir_boson/image_raw', '/lepton/image_mono16',
              '/cam/infrared', '/optris0/temperature_image', '/thermal/image_mono8']
    others = ['/color/image_raw', '/depth/image_rect', '/camera/infra1/image_rect_raw',
              '/airport/image', '/thermal/text', '/fliry/image']
    assert thermal_cameras(topics + others) == {
        '/': 'thermal_image', '/thermal': 'image', '/flir_boson': 'image_raw',
        '/lepton': 'image_mono16', '/cam': 'infrared', '/optris0': 'temperature_image'}


def test_image_type_is_that_of_ros():
    from fliqe_ros.node.discovery import TYPES
    from fliqe_ros.node.wiring import type_name
    assert TYPES == {'raw': type_name(Image), 'compressed': type_name(CompressedImage)}
