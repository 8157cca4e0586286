"""Bags with the scores of recordings, read by ROS itself."""

from fliqe_ros.recordings.annotated_bag import camera_namespace
from fliqe_ros.tools import score
import pytest
from test_recording_report import camera_of
from test_recordings import film, rows_of, scene  # noqa: F401

rosbag2 = pytest.importorskip('rosbags.rosbag2')


def test_a_bag_has_what_the_node_would_have_published(scene, tmp_path):  # noqa: F811
    serialization = pytest.importorskip('rclpy.serialization')
    from diagnostic_msgs.msg import DiagnosticArray
    from fliqe_ros.msg import QualityScore
    film(tmp_path / 'flight', scene, 30, trouble=range(10, 25))
    words = [str(tmp_path / 'flight'), '--out', str(tmp_path / 'out'), '--device', 'cpu', '-q',
             '--bag']
    assert score.main(words) == 0
    assert score.main(words) == 0, 'a bag that is there is replaced'
    bag, = (tmp_path / 'out' / 'bags').iterdir()
    scores, diagnostics = [], []
    with rosbag2.Reader(bag) as reader:
        for connection, time_ns, data in reader.messages():
            if connection.topic == '/diagnostics':
                diagnostics.append(serialization.deserialize_message(data, DiagnosticArray))
            else:
                assert connection.topic == '/camera_frame__/quality'
                scores.append((time_ns, serialization.deserialize_message(data, QualityScore)))
    assert [time_ns for time_ns, _ in scores] == [100_000_000 * n for n in range(30)]
    last = scores[20][1]
    assert last.status == QualityScore.STATUS_BAD and last.reason.startswith('gaussian_noise: ')
    assert last.distortion == last.status_distortion == QualityScore.GAUSSIAN_NOISE
    assert last.header.stamp.sec == 2 and last.is_counted and last.frames_in_window == 21
    assert sum(last.distortion_probabilities) == pytest.approx(1, abs=1e-5)
    assert [array.status[0].level for array in diagnostics] == [b'\0', b'\0', b'\2']
    assert diagnostics[2].status[0].name == 'fliqe: camera_frame__'


@pytest.mark.parametrize('recording, topic, namespace', [
    ('drive', '/flir_front/image_raw', '/flir_front'),
    ('drive', '/flir_front/image_raw/compressed', '/flir_front'),
    ('/data/IR 1.mp4', '', '/camera_IR_1'), ('drive', '/thermal', '/thermal'),
])
def test_a_camera_has_the_namespace_that_its_topic_tells(recording, topic, namespace):
    assert camera_namespace(camera_of(rows_of([0.5]), recording, topic)) == namespace


def test_a_bag_needs_a_folder_to_be_in(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        score.main([str(tmp_path), '--bag'])
    assert ended.value.code == 2 and '--bag needs --out' in capsys.readouterr().err
