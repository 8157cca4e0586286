"""The message: its layout, what importing it costs, and its way over DDS."""

from pathlib import Path
import subprocess
import sys

from fliqe_ros.distortion_types import CLASSES, Distortion, DISTORTIONS
from fliqe_ros.msg import QualityScore
import pytest
import rclpy

# Frozen: a changed message can no longer be read from recorded bags.
FIELDS = {
    'header': 'std_msgs/Header',
    'camera': 'string',
    'status': 'uint8',
    'reason': 'string',
    'status_distortion': 'uint8',
    'status_score': 'float',
    'score': 'float',
    'is_counted': 'boolean',
    'smoothed_score': 'float',
    'frames_in_window': 'uint32',
    'distortion': 'uint8',
    'distortion_probabilities': 'float[13]',
    'affected_share': 'float',
    'model': 'string',
    'latency': 'builtin_interfaces/Duration',
}


def run_in_fresh_process(code, folder):
    """Run Python code where no source folder is on the path and return what it printed."""
    return subprocess.run(
        [sys.executable, '-c', code], cwd=folder, check=True, text=True,
        stdout=subprocess.PIPE).stdout.strip()


def filled_message():
    message = QualityScore(
        camera='/flir_front', status=QualityScore.STATUS_BAD, reason='blank: open the shutter',
        status_distortion=QualityScore.BLANK, status_score=0.125, score=0.25, is_counted=True,
        smoothed_score=0.75, frames_in_window=300, distortion=QualityScore.GHOSTING,
        distortion_probabilities=[i / 16 for i in range(13)], affected_share=0.5,
        model='thermal_s 7 0123456789ab')
    message.header.frame_id = 'flir_front_optical_frame'
    message.header.stamp.sec, message.header.stamp.nanosec = 1_700_000_000, 999_999_999
    message.latency.nanosec = 12_000_000
    return message


def test_fields_and_their_order():
    assert list(QualityScore.get_fields_and_field_types().items()) == list(FIELDS.items())


def test_status_constants():
    names = ('UNKNOWN', 'OK', 'DEGRADED', 'BAD', 'FROZEN', 'SILENT')
    assert [getattr(QualityScore, f'STATUS_{name}') for name in names] == [0, 1, 2, 3, 4, 5]


def test_there_is_a_probability_for_each_class():
    assert len(QualityScore().distortion_probabilities) == len(CLASSES)


def test_every_field_and_every_type_is_explained():
    text = (Path(__file__).resolve().parent.parent / 'msg' / 'QualityScore.msg').read_text()
    for block in text.split('\n\n'):
        lines = block.splitlines()
        fields = [line for line in lines if not line.startswith('#') and '=' not in line]
        assert not fields or lines[0].startswith('#'), fields
    for constant in DISTORTIONS:
        line, = (line for line in text.splitlines() if line.startswith(f'uint8 {constant.name}='))
        assert line.partition('#')[2].strip().split(',')[0] in constant.meaning


@pytest.mark.parametrize('distortion', Distortion)
def test_distortion_constants_equal_the_library(distortion):
    unknown = distortion is Distortion.UNKNOWN
    name = 'DISTORTION_UNKNOWN' if unknown else distortion.name
    assert getattr(QualityScore, name) == distortion


def test_defaults_give_no_verdict():
    message = QualityScore()
    assert message.status == QualityScore.STATUS_UNKNOWN
    assert list(message.distortion_probabilities) == [0.0] * 13


@pytest.mark.parametrize('module', ['torch', 'cv2', 'rclpy'])
def test_importing_the_message_leaves_out(module, tmp_path):
    loaded = run_in_fresh_process(
        f'import sys; from fliqe_ros.msg import QualityScore; print({module!r} in sys.modules)',
        tmp_path)
    assert loaded == 'False'


def test_the_library_is_loaded_on_first_use(tmp_path):
    answers = run_in_fresh_process(
        'import sys, fliqe_ros\n'
        'print("cv2" in sys.modules, "FLIQE" in dir(fliqe_ros))\n'
        'from fliqe_ros import Assessment, Distortion, FLIQE, OnlineFLIQE\n'
        'print("cv2" in sys.modules, "torch" in sys.modules, "rclpy" in sys.modules, '
        'FLIQE.__module__)', tmp_path)
    assert answers.splitlines() == ['False True', 'True False False fliqe_ros.estimator']


def test_unknown_names_are_attribute_errors():
    import fliqe_ros
    with pytest.raises(AttributeError, match="'fliqe_ros' has no attribute 'Fliqe'"):
        fliqe_ros.Fliqe


def test_arrives_over_dds_as_it_was_sent():
    rclpy.init()
    try:
        node = rclpy.create_node('test_message')
        arrived = rclpy.task.Future()
        node.create_subscription(QualityScore, 'quality', arrived.set_result, 1)
        publisher = node.create_publisher(QualityScore, 'quality', 1)
        node.create_timer(0.05, lambda: publisher.publish(filled_message()))
        rclpy.spin_until_future_complete(node, arrived, timeout_sec=10)
        assert arrived.result() == filled_message()
    finally:
        rclpy.shutdown()
