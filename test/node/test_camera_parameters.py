"""Parameters of single cameras: in YAML, at launch, live, and for cameras that come later."""

import threading

import cv2
from fliqe_ros.estimator import FLIQE
from fliqe_ros.imaging.palette_reader import PaletteReader
from fliqe_ros.node.node_parameters import unknown_overrides, unknown_sentence
from fliqe_ros.node.parameters import DEFAULTS, SPECS
from fliqe_ros.parameters.camera_table import CAMERA_PARAMETERS
from fliqe_ros.parameters.own_values import dotted, parse, undotted
import numpy as np
import pytest
from rcl_interfaces.srv import DescribeParameters, ListParameters
from sensor_msgs.msg import CompressedImage
from simulated_robot import image_message

FRONT, REAR = '/flir_front', '/flir_rear'
OWN = 'camera_settings.flir_front.'


@pytest.fixture
def run(run_node, tmp_path):
    """Start a node with the packaged model, and a parameter file if there is one."""
    def start(yaml='', **parameters):
        files = []
        if yaml:
            (tmp_path / 'fliqe.yaml').write_text(f'/**: {{ros__parameters: {yaml}}}')
            files = ['--params-file', str(tmp_path / 'fliqe.yaml')]
        return run_node(*files, **{'model': '', 'stale_after': 0.0, **parameters})
    return start


def wait_for(robot, value, *names):
    """Wait until all these parameters have a value."""
    robot.spin_until(lambda: robot.get(*names) == [value] * len(names), f'{value} in {names}')


def own(**values):
    """Return parameters of the front camera as ``Robot.set_parameters`` takes them."""
    return {f'camera_settings__flir_front__{name}': value for name, value in values.items()}


def delete(robot, *names):
    return robot.set_parameters(**dict.fromkeys(names))


def test_a_camera_without_own_values_follows_the_node_live(robot, run):
    run('{warn_below: 0.5, camera_settings: {flir_front: {warn_below: 0.7, max_rate: 5}}}',
        cameras=[FRONT, REAR])
    front, rear = OWN + 'warn_below', 'camera_settings.flir_rear.warn_below'
    assert robot.get(front, rear, OWN + 'max_rate') == [0.7, 0.5, 5.0]
    assert robot.set_parameters(warn_below=0.4).successful
    wait_for(robot, 0.4, rear, 'warn_below')
    assert robot.get(front) == [0.7]
    # An own value is given up by deleting it, and made by setting it.
    assert delete(robot, front).successful
    wait_for(robot, 0.4, front)
    assert robot.set_parameters(warn_below=0.5).successful
    wait_for(robot, 0.5, front, rear)
    assert robot.set_parameters(**own(warn_below=0.5)).successful
    assert robot.set_parameters(warn_below=0.6).successful
    wait_for(robot, 0.6, rear)
    assert robot.get(front) == [0.5]


def test_every_parameter_of_a_camera_is_declared_as_that_of_the_node(robot, run):
    run(cameras=[FRONT])
    names = [spec.name for spec in CAMERA_PARAMETERS]
    assert {'warn_below', 'stale_after', 'agc.low', 'input_shift', 'crop_top_rows', 'max_rate',
            'transport', 'image_topic', 'smoothing_window', 'priority'} <= set(names)
    listed = robot.call(ListParameters, '/fliqe/list_parameters', ListParameters.Request(
        prefixes=['camera_settings'])).result.names
    assert sorted(listed) == sorted(OWN + name for name in names)
    for_all, for_one = (robot.call(
        DescribeParameters, '/fliqe/describe_parameters',
        DescribeParameters.Request(names=[prefix + name for name in names])).descriptors
        for prefix in ('', OWN))
    for all_, one in zip(for_all, for_one):
        assert one.name == OWN + all_.name
        for field in ('type', 'description', 'floating_point_range', 'integer_range'):
            assert getattr(one, field) == getattr(all_, field)
        assert one.additional_constraints.startswith(all_.additional_constraints)
        assert f'follows {all_.name} until it is set' in one.additional_constraints
    assert robot.get(*(OWN + name for name in names)) == [
        {**DEFAULTS, 'stale_after': 0.0}[name] for name in names]


@pytest.mark.parametrize('changes, told', [
    ({'warn_below': 1.5}, 'warn_below'), ({'warn_below': 0.2}, 'error_below (0.3)'),
    ({'hysteresis': 0.45}, 'warn_below (0.6) plus hysteresis (0.45)'),
    ({'min_frames': 0}, 'min_frames'), ({'max_rate': 10}, 'max_rate: 10 is not of type double'),
    ({'agc.mode': 'automatic'}, "'automatic' is none of"), ({'agc.high': 0.4}, 'agc: low'),
    ({'freeze_after': 1.0}, 'freeze_after (1.0)'), ({'transport': 'pigeon'}, 'transport'),
    ({'priority': 101}, 'priority'), ({'crop_top_rows': 'two'}, 'crop_top_rows'),
    ({'image_topic': '/image'}, 'image_topic'),
])
def test_wrong_values_are_rejected_and_change_nothing(robot, run, changes, told):
    run(cameras=[FRONT])
    names = [OWN + name for name in changes]
    before = robot.get(*names)
    result = robot.set_parameters(**{OWN + name: value for name, value in changes.items()})
    assert not result.successful
    assert 'flir_front' in result.reason and told in result.reason, result.reason
    assert robot.get(*names) == before


def test_values_of_all_cameras_must_fit_the_own_ones(robot, run):
    run('{camera_settings: {flir_front: {error_below: 0.5}, later: {hysteresis: 0.5, '
        'warn_below: 0.5}}}', cameras=[FRONT])
    result = robot.set_parameters(warn_below=0.4)
    assert not result.successful
    assert result.reason == (
        'camera_settings.flir_front.error_below (0.5) must not be above warn_below (0.4)')
    # A camera that is not there yet counts too.
    result = robot.set_parameters(warn_below=0.6, error_below=0.55)
    assert not result.successful and 'camera_settings.later.error_below' in result.reason
    assert robot.get('warn_below', 'error_below') == [0.6, 0.3]
    assert robot.set_parameters(
        warn_below=0.6, error_below=0.55, camera_settings__later__warn_below=0.5,
        camera_settings__later__error_below=0.5).successful
    assert delete(robot, 'camera_settings.later.error_below', 'camera_settings.later.warn_below',
                  'camera_settings.later.hysteresis').successful
    assert robot.set_parameters(warn_below=0.6, error_below=0.58).successful
    assert robot.set_parameters(
        agc__mode='fixed_range', agc__low=2000.0, agc__high=9000.0,
        **own(agc__mode='percentile', agc__low=1.0, agc__high=99.0)).successful
    # Percentiles of the front camera would become those of the node, one by one.
    assert not delete(robot, OWN + 'agc.low').successful
    assert delete(robot, OWN + 'agc.mode', OWN + 'agc.low', OWN + 'agc.high').successful
    wait_for(robot, 9000.0, OWN + 'agc.high')


def test_wrong_start_values_are_refused_not_fatal(robot, run):
    run('{camera_settings: {flir_front: {warn_below: 1.5, min_frames: some, error_below: 0.9, '
        'priority: 3}, later: {transport: pigeon}}}', cameras=[FRONT])
    status = robot.wait_for_status('fliqe: inference', lambda s: s.level == s.WARN)
    values = dict(robot.values(status))
    for name in ('flir_front.warn_below', 'flir_front.min_frames', 'flir_front.error_below',
                 'later.transport'):
        assert f'camera_settings.{name}' in values[f'refused: camera_settings.{name}']
    assert robot.get(*(OWN + name for name in (
        'warn_below', 'min_frames', 'error_below', 'priority'))) == [0.6, 5, 0.3, 3]
    assert robot.set_parameters(**own(warn_below=0.5)).successful
    status = robot.wait_for_status('fliqe: inference', lambda s: True)
    assert 'refused: camera_settings.flir_front.warn_below' not in dict(robot.values(status))


def test_fixed_parameters_of_a_camera_change_only_while_unconfigured(robot, run):
    run('{camera_settings: {flir_front: {transport: compressed}}}', cameras=[FRONT])
    assert robot.transition('configure')
    for name, value in (('image_topic', 'image'), ('transport', 'raw'), ('smoothing_window', 7)):
        result = robot.set_parameters(**own(**{name: value}))
        assert not result.successful and OWN + name in result.reason and 'clean' in result.reason
    assert not delete(robot, OWN + 'transport').successful
    # Not a change, and a change that has effect at once
    assert robot.set_parameters(**own(smoothing_window=300, priority=4)).successful
    assert robot.transition('cleanup')
    assert delete(robot, OWN + 'transport').successful
    assert robot.set_parameters(**own(smoothing_window=7)).successful
    # Cameras that are named now can be set before they are configured.
    assert robot.set_parameters(cameras=['/other'], image_topic='image').successful
    wait_for(robot, 'image', 'camera_settings.other.image_topic')
    assert robot.set_parameters(camera_settings__other__image_topic='image_mono16').successful


def test_scores_are_judged_and_frames_cut_for_each_camera(robot, run):
    run('{camera_settings: {flir_front: {warn_below: 1.0, error_below: 1.0, hysteresis: 0.0, '
        'smoothing_window: 3, min_frames: 1, crop_top_rows: 4000}}}', cameras=[FRONT, REAR],
        warn_below=0.0, error_below=0.0, min_frames=1)
    robot.listen(FRONT, REAR)
    front, rear = robot.camera(FRONT), robot.camera(REAR)
    robot.start()
    robot.wait_until_subscribed(front, rear)
    robot.wait_for_publishers(f'{FRONT}/quality', f'{REAR}/quality')
    front.run(10.0)
    rear.run(10.0)
    robot.wait_for_scores(REAR, 6)
    robot.wait_for_status(f'fliqe: {FRONT}', lambda s: 'cropping 4000 rows' in s.message)
    assert not robot.scores[FRONT]
    assert robot.set_parameters(**own(crop_top_rows=2)).successful
    *_, last = robot.wait_for_scores(FRONT, 6)
    assert last.status == last.STATUS_BAD and last.frames_in_window == 3
    last = robot.scores[REAR][-1]
    assert last.status == last.STATUS_OK and last.frames_in_window > 3
    robot.wait_for_status(f'fliqe: {FRONT}', lambda s: ('status', 'bad') in robot.values(s))
    assert robot.set_parameters(**own(warn_below=0.0, error_below=0.0)).successful
    robot.spin_until(lambda: robot.scores[FRONT][-1].status == last.STATUS_OK, 'recovery')


def test_a_palette_is_chosen_for_one_camera_live(robot, run):
    run('{palette: opencv_cool, camera_settings: {flir_front: {palette: none}}}', cameras=[FRONT])
    front = robot.active_camera(FRONT)
    soft = cv2.GaussianBlur(front.frame(), (0, 0), 2.0)  # whose score lies between
    coloured = cv2.applyColorMap(soft, cv2.COLORMAP_COOL)
    fliqe = FLIQE(device='cpu')
    gray = cv2.cvtColor(coloured, cv2.COLOR_BGR2GRAY)
    brightness = fliqe.estimate_image_quality(gray)
    levels = fliqe.estimate_image_quality(PaletteReader('opencv_cool').to_gray(coloured))
    assert abs(brightness - levels) > 0.01
    front.publish(image_message(coloured))
    assert robot.wait_for_scores(FRONT, 1)[0].score == pytest.approx(brightness, abs=1e-3)
    assert delete(robot, OWN + 'palette').successful
    front.publish(image_message(coloured))
    assert robot.wait_for_scores(FRONT, 2)[1].score == pytest.approx(levels, abs=1e-3)


def test_silence_and_rate_are_those_of_each_camera(robot, run):
    run('{camera_settings: {flir_front: {stale_after: 0.5}, flir_rear: {max_rate: 1.0}}}',
        cameras=[FRONT, REAR])
    robot.listen(FRONT, REAR)
    rear = robot.camera(REAR)
    robot.start()
    robot.wait_until_subscribed(rear)
    robot.wait_for_scores(FRONT, 1)
    assert robot.scores[FRONT][0].reason.startswith('no frames for')
    rear.run(10.0)
    robot.wait_for_status(
        f'fliqe: {REAR}', lambda s: int(dict(robot.values(s))['skipped by max_rate']) > 10)
    rear.stop()
    status = robot.wait_for_status(f'fliqe: {FRONT}', lambda s: s.level == s.ERROR)
    assert status.message.startswith('no frames for')
    # The rear one has been silent for long by now, and is never called so.
    assert all(score.status != score.STATUS_SILENT for score in robot.scores[REAR])


def test_under_load_cameras_of_lower_priority_skip_frames_first(robot, run, monkeypatch):
    run('{priority: 1, camera_settings: {flir_front: {priority: 2}}}', cameras=[FRONT, REAR])
    robot.listen(FRONT, REAR)
    front, rear = robot.camera(FRONT), robot.camera(REAR)
    robot.start()
    robot.wait_until_subscribed(front, rear)
    robot.wait_for_publishers(f'{FRONT}/quality', f'{REAR}/quality')
    assess_prepared, passes, go_on = FLIQE.assess_prepared, [], threading.Semaphore(0)

    def held(fliqe, frames):
        passes.append(len(frames))
        go_on.acquire()
        return assess_prepared(fliqe, frames)

    monkeypatch.setattr(FLIQE, 'assess_prepared', held)
    front.publish()
    robot.spin_until(lambda: passes, 'forward pass')
    for count in range(1, 6):
        front.publish()
        rear.publish()
        for camera, received in ((FRONT, count + 1), (REAR, count)):
            robot.wait_for_status(
                f'fliqe: {camera}', lambda s: ('received', str(received)) in robot.values(s))
        go_on.release()
        robot.spin_until(lambda: len(passes) == count + 1, 'forward pass')
    for _ in range(9):
        go_on.release()
    robot.wait_for_scores(REAR, 1)
    assert len(robot.wait_for_scores(FRONT, 6)) == 6 and passes == [1] * 7
    for camera, dropped in ((FRONT, '0'), (REAR, '4')):
        robot.wait_for_status(
            f'fliqe: {camera}', lambda s: ('dropped', dropped) in robot.values(s))


def test_cameras_with_another_topic_and_transport(robot, run):
    run('{camera_settings: {flir_front: {image_topic: image_mono16}, flir_rear: {transport: '
        'compressed}}}', cameras=[FRONT, REAR])
    front = robot.camera(FRONT, topic='image_mono16')
    rear = robot.camera(REAR, topic='image_raw/compressed', message_type=CompressedImage)
    robot.start()
    robot.wait_until_subscribed(front, rear)
    for camera, is_decoded in ((FRONT, False), (REAR, True)):
        status = robot.wait_for_status(f'fliqe: {camera}', lambda s: True)
        assert (dict(robot.values(status))['converter'] == 'opencv') == is_decoded


def test_values_wait_for_cameras_that_are_discovered(robot, run):
    run('{camera_settings: {later: {warn_below: 0.8, smoothing_window: 2}, robot1.thermal: '
        '{image_topic: picture, priority: 2}}}', discover=True)
    robot.start()
    names = ['camera_settings.later.warn_below', 'camera_settings.robot1.thermal.priority']
    status = robot.wait_for_status(
        'fliqe: inference', lambda s: 'has values for later, but there is no such camera'
        in s.message)
    assert 'robot1.thermal' in status.message and status.level == status.WARN
    later, thermal = robot.camera('/later'), robot.camera('/robot1/thermal', topic='picture')
    # Its own topic is the only one.
    other = robot.camera('/robot1/thermal')
    robot.wait_until_subscribed(later, thermal)
    assert robot.get(*names) == [0.8, 2]
    assert robot.get('camera_settings.robot1.thermal.image_topic') == ['picture']
    robot.listen('/later')
    robot.wait_for_publishers('/later/quality')
    later.run(10.0)
    assert robot.wait_for_scores('/later', 4)[-1].frames_in_window == 2
    assert robot.set_parameters(camera_settings__later__warn_below=0.9).successful
    assert not robot.set_parameters(camera_settings__later__warn_below=0.1).successful
    robot.wait_for_status('fliqe: inference', lambda s: 'no such camera' not in s.message)
    assert other.publisher.get_subscription_count() == 0


def test_cameras_that_are_left_aside_lose_their_parameters(robot, run):
    run(discover=True)
    colour = robot.camera('/color')
    robot.start()
    robot.wait_until_subscribed(colour)
    assert robot.get('camera_settings.color.priority') == [0]
    spots = np.random.default_rng(0).integers(0, 256, (16, 20, 3), np.uint8)
    colour.run(10.0, image_message(np.kron(spots, np.ones((8, 8, 1), np.uint8))))
    robot.wait_for_status(
        'fliqe: inference', lambda s: ('left aside: /color', 'true colour') in robot.values(s))
    assert robot.get('camera_settings.color.priority') == []
    assert robot.set_parameters(warn_below=0.5).successful


def test_names_are_relative_to_the_namespace_of_the_node(robot, run):
    run('{camera_settings: {flir: {priority: 1}, robot7: {priority: 2}, root: {priority: 3}}}',
        cameras=['flir', '/robot7', '/'], remappings=[('__ns', '/robot7')])
    robot.name = '/robot7/fliqe'
    assert robot.get(*(f'camera_settings.{name}.priority'
                       for name in ('flir', 'robot7', 'root'))) == [1, 2, 3]


def test_cameras_of_one_name_share_values_but_no_topic(robot, run):
    run('{camera_settings: {flir: {priority: 1}}}', cameras=['flir', '/flir/image_mono16'],
        remappings=[('__ns', '/robot7')])
    robot.name = '/robot7/fliqe'
    drivers = robot.camera('/robot7/flir'), robot.camera('/flir', topic='image_mono16')
    robot.start()
    robot.wait_until_subscribed(*drivers)


@pytest.mark.parametrize('camera, namespace, name', [
    ('/flir', '/', 'flir'), ('/', '/', 'root'), ('/a/b/c', '/', 'a.b.c'),
    ('/robot1/flir', '/robot1', 'flir'), ('/robot1', '/robot1', 'robot1'),
    ('/robot1/a/b', '/robot1', 'a.b'),
])
def test_names_of_cameras(camera, namespace, name):
    assert dotted(camera, namespace) == name
    assert undotted(name, namespace) == camera


def test_the_name_of_a_camera_outside_of_the_namespace_is_the_full_one():
    assert dotted('/robot10/flir', '/robot1') == 'robot10.flir'


@pytest.mark.parametrize('name, meant', [
    ('camera_settings.flir_front.warn_bellow', 'camera_settings.flir_front.warn_below'),
    ('camera_settings./flir/rear.max_rat', 'camera_settings.flir.rear.max_rate'),
    ('camera_settings.flir.agc.lo', 'camera_settings.flir.agc.low'),
    ('camera_settings.flir.device', ''), ('camera_settings.warn_below', ''),
    ('camera_settings.agc.low', ''), ('camera_setings.flir.warn_below', ''),
])
def test_typos_are_told(name, meant):
    assert unknown_overrides([name, 'camera_settings.a.b.agc.low']) == (name,)
    assert unknown_sentence(name).endswith(f'did you mean {meant}?') == bool(meant)


def test_no_name_means_two_parameters():
    for spec in CAMERA_PARAMETERS:
        assert parse(f'camera_settings.agc.{spec.name}') == ('agc', spec.name)
        assert SPECS[spec.name] is spec
        assert not any(spec.name.endswith(f'.{other}') for other in SPECS)
