"""The choice between cv_bridge and the native converter."""

from array import array
import subprocess
import sys

from fliqe_ros.frame_io.image_messages import make_converter
import numpy as np
import pytest
from sensor_msgs.msg import Image


def message(encoding, pixels, step):
    height, width = pixels.shape[:2]
    return Image(height=height, width=width, encoding=encoding, step=step,
                 data=array('B', pixels.tobytes()))


def write_cv_bridge(folder, monkeypatch, source):
    """Put a cv_bridge with a given fault where it is found first."""
    (folder / 'cv_bridge.py').write_text(source)
    monkeypatch.delitem(sys.modules, 'cv_bridge', raising=False)
    monkeypatch.syspath_prepend(str(folder))


@pytest.fixture(autouse=True)
def forget_imported_faults():
    before = sys.modules.get('cv_bridge')
    yield
    if sys.modules.get('cv_bridge') is not before:
        del sys.modules['cv_bridge']


FAULTY = """
import numpy as np

DTYPES = {{'mono8': 'u1', '8UC1': 'u1', 'mono16': '<u2', '16UC1': {dtype_of_16uc1!r},
          '32FC1': '<f4', 'bgr8': 'u1', '8UC3': 'u1', 'rgb8': 'u1'}}
CHANNELS = {{'bgr8': 3, '8UC3': 3, 'rgb8': 3}}


class CvBridge:
    def imgmsg_to_cv2(self, msg, desired_encoding):
        dtype = DTYPES[msg.encoding]
        shape = (msg.height, msg.width, CHANNELS.get(msg.encoding, 1))
        image = np.ndarray(shape, dtype, msg.data)
        return image if msg.encoding in CHANNELS else image[:, :, 0]
"""


def test_auto_takes_a_cv_bridge_that_reads_the_usual_encodings(tmp_path, monkeypatch):
    write_cv_bridge(tmp_path, monkeypatch, FAULTY.format(dtype_of_16uc1='<u2'))
    converter = make_converter()
    assert converter.name == 'cv_bridge'
    assert converter.reason.startswith('native for 8SC1, 16SC1, 32SC1, 64FC1, bgra8')
    pixels = np.random.default_rng(0).integers(0, 256, (4, 6, 4), np.uint8)
    assert np.array_equal(converter.to_array(message('rgba8', pixels, 24)), pixels[..., 2::-1])


def test_auto_leaves_a_cv_bridge_that_reads_wrongly(tmp_path, monkeypatch):
    write_cv_bridge(tmp_path, monkeypatch, FAULTY.format(dtype_of_16uc1='u1'))
    converter = make_converter('auto')
    assert converter.name == 'native'
    assert converter.reason == 'cv_bridge does not read 16UC1 rightly'


def test_what_a_chosen_cv_bridge_reads_wrongly_is_right_all_the_same(tmp_path, monkeypatch):
    write_cv_bridge(tmp_path, monkeypatch, FAULTY.format(dtype_of_16uc1='>u2'))
    converter = make_converter('cv_bridge')
    assert '16UC1' in converter.unreadable and 'mono16' not in converter.unreadable
    pixels = np.arange(24, dtype=np.uint16).reshape(4, 6)
    for encoding in ('mono16', '16UC1'):
        assert np.array_equal(converter.to_array(message(encoding, pixels, 12)), pixels)


@pytest.mark.parametrize('source, reason', [
    ("raise AttributeError('_ARRAY_API not found')", 'AttributeError: _ARRAY_API not found'),
    ("raise ImportError('numpy.core.multiarray\\nfailed')", 'numpy.core.multiarray failed'),
    ("raise SystemError('initialization failed')", 'SystemError: initialization failed'),
    ('', "cannot import name 'CvBridge'"),
    ('class CvBridge:\n    def __init__(self):\n        raise KeyError(16)', 'KeyError: 16')])
def test_a_cv_bridge_that_cannot_be_imported_is_named(tmp_path, monkeypatch, source, reason):
    write_cv_bridge(tmp_path, monkeypatch, source)
    converter = make_converter()
    assert converter.name == 'native'
    assert converter.reason.startswith('cv_bridge cannot be imported: ')
    assert reason in converter.reason and '\n' not in converter.reason
    with pytest.raises(ImportError, match='cv_bridge cannot be imported'):
        make_converter('cv_bridge')


def test_auto_without_cv_bridge_is_native(monkeypatch):
    monkeypatch.setitem(sys.modules, 'cv_bridge', None)  # Python's own mark for "not there"
    converter = make_converter()
    assert (converter.name, converter.reason[:28]) == ('native', 'cv_bridge cannot be imported')


def test_native_on_request_gives_no_reason():
    converter = make_converter('native')
    assert (converter.name, converter.reason) == ('native', '')


def test_other_converters_are_refused():
    with pytest.raises(ValueError, match="must be auto, cv_bridge or native, not 'opencv'"):
        make_converter('opencv')


def test_frames_need_neither_ros_nor_torch_nor_cv_bridge(tmp_path):
    check = ('import sys; '
             'import fliqe_ros.frame_io.image_messages, fliqe_ros.frame_io.misreading; '
             'import fliqe_ros.imaging.gain_control, fliqe_ros.smoothing; '
             'print({"rclpy", "torch", "cv_bridge"} & set(sys.modules))')
    out = subprocess.run([sys.executable, '-c', check], cwd=tmp_path, capture_output=True,
                         text=True, check=True, timeout=60)
    assert out.stdout.strip() == 'set()'
