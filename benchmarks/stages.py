"""Where the time of one mono16 frame goes in the node, stage by stage."""

from array import array
from statistics import median
import sys
from time import perf_counter

from fliqe_ros.estimator import FLIQE
from fliqe_ros.frame_io.image_messages import NativeConverter
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.models.registry import ARCHITECTURES
from fliqe_ros.simulation.scenes.thermal_scene import ThermalScene
from fliqe_ros.smoothing import SmoothingWindow
import numpy as np


def measure_stages(width: int, height: int, seconds: float) -> list:
    """
    Time every stage of the default model on this machine's CPU, all in turn for each frame.

    :return: rows (stage; median in ms; share of the sum). Without ROS there is no publication.
    """
    stages = _stages(width, height)
    times_ms = {name: [] for name in stages}
    _run_once(stages, times_ms)  # for warming up
    times_ms = {name: [] for name in stages}
    end_s = perf_counter() + seconds
    while perf_counter() < end_s or not times_ms['network']:
        _run_once(stages, times_ms)
    medians = {name: median(times) for name, times in times_ms.items()}
    total = sum(medians.values())
    return [{'stage': name, 'median_ms': each, 'share': each / total}
            for name, each in medians.items()]


def _run_once(stages: dict, times_ms: dict) -> None:
    value = None
    for name, stage in stages.items():
        began_s = perf_counter()
        value = stage(value)
        times_ms[name].append(1e3 * (perf_counter() - began_s))


def _stages(width: int, height: int) -> dict:
    """Return the stages by name; each takes what the one before it returns."""
    fliqe = FLIQE(device='cpu')
    message = Mono16Message(width, height)
    window = SmoothingWindow(300)
    assessment = fliqe.assess(NativeConverter().to_array(message))
    stages = {
        'conversion': lambda _: NativeConverter().to_array(message),
        'gain control': GainControl(),
        'preprocessing': ARCHITECTURES[fliqe.architecture].preprocess,
        # the same prepared frame again, through the public door
        'network': lambda prepared: fliqe.estimate_image_quality(prepared[0]),
        'smoothing': window.push,
    }
    try:
        from fliqe_ros.node.camera_session import Verdict
        from fliqe_ros.node.messages import quality_message
        from rclpy.serialization import serialize_message
        from std_msgs.msg import Header
    except ImportError:
        return stages
    stages['message'] = lambda smoothed: serialize_message(quality_message(
        Header(), '/flir_front', assessment, Verdict(smoothed, 300, 1), fliqe.model_id, 1))
    return stages


class Mono16Message:
    """What the converter reads of an image message; another scene for each seed."""

    encoding, is_bigendian = 'mono16', int(sys.byteorder == 'big')

    def __init__(self, width: int, height: int, seed: int = 5):
        scene = ThermalScene(seed, height, width)
        counts = scene.sensor_counts(scene.render(0.0), np.random.default_rng(0))
        self.width, self.height, self.step = width, height, 2 * width
        self.data = array('B', counts.tobytes())
