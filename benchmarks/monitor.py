"""
CPU time of the monitor's window, drawn offscreen: 16 cameras at 30 Hz unless told otherwise.

A process of its own publishes as a node does. The time is that of all threads of the window's
process, those of the middleware among them. What was heard is told too, so that losses show, and
what the node takes to draw the pictures.
"""

import argparse
import math
import os
from pathlib import Path
import subprocess
import sys
import tempfile
import time

from fliqe_ros.distortion_types import Distortion
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.monitoring.camera_judge import Verdict
from fliqe_ros.monitoring.status import Status
from fliqe_ros.node.messages import bgr_message
from fliqe_ros.node.overlay import draw, reduced
from fliqe_ros.simulation.scenes.thermal_scene import ThermalScene
from fliqe_ros.tools.demo_system import isolated
from fliqe_ros.tools.monitor_window.client import MonitorClient
from fliqe_ros.tools.monitor_window.fleet import Fleet
from fliqe_ros.tools.monitor_window.history import History, SPAN_S
from fliqe_ros.tools.monitor_window.qt import make_application, QtCore, run
from fliqe_ros.tools.monitor_window.states import State
from fliqe_ros.tools.monitor_window.window import MonitorWidget
import numpy as np
import rclpy
from std_msgs.msg import Header
from stopwatch import time_calls

_START_WITHIN_S = 60.0
_WIDTH_PX = 1200


class CountingFleet(Fleet):
    """Counts what comes, and has a past."""

    def __init__(self):
        super().__init__()
        self.scores = self.pictures = 0

    def hear(self, name, message, now_s, messages=1):
        """Take in a score."""
        self.scores += messages
        super().hear(name, message, now_s, messages)

    def show(self, name, picture):
        """Take in a picture."""
        self.pictures += 1
        super().show(name, picture)

    def remember_minutes(self):
        """Fill the strips of all cameras, as they are after ten minutes."""
        now_s = int(time.time())
        for row in self.rows.values():
            history = row.history = History()
            for ago_s in range(SPAN_S, 0, -1):
                score = 0.5 + 0.4 * math.sin(ago_s / 7)
                state = State.OK if score > 0.6 else State.DEGRADED
                history.add_score(now_s - ago_s, state, score, 0.6, 30)


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument('--cameras', type=int, default=16)
    arguments.add_argument('--rate', type=float, default=30.0, help='of the scores in Hz')
    arguments.add_argument('--height', type=int, default=800,
                           help='of the window in pixels: how many rows are in sight')
    arguments.add_argument('--seconds', type=float, default=20.0, help='default 20')
    arguments.add_argument('--iterations', type=int, default=3, help='default 3')
    arguments.add_argument('--quick', action='store_true', help='two seconds of two cameras')
    return arguments


def spin(application, seconds: float) -> None:
    """Let the window live for so long."""
    QtCore.QTimer.singleShot(round(1000 * seconds), application.quit)
    run(application)


def measure(application, fleet: CountingFleet, seconds: float) -> str:
    """Return what one iteration cost and heard, each by the second."""
    before = time.process_time(), time.monotonic(), fleet.scores, fleet.pictures
    spin(application, seconds)
    cpu_s, real_s, scores, pictures = (
        after - each for each, after in zip(
            before, (time.process_time(), time.monotonic(), fleet.scores, fleet.pictures)))
    return (f'{100 * cpu_s / real_s:.1f} % of a core, {scores / real_s:.0f} scores '
            f'and {pictures / real_s:.1f} pictures in a second')


def drawing(seconds: float) -> str:
    """Return what the node takes for the overlay image and for the preview of a frame."""
    scene, gain = ThermalScene(0, 512, 640), GainControl()
    counts = scene.sensor_counts(scene.render(0.0), np.random.default_rng(0))
    quality_map = np.linspace(0, 1, 32 * 40, dtype=np.float32).reshape(32, 40)
    verdict = Verdict(0.5, 10, Status.DEGRADED)

    def draw_message(frame):
        bgr_message(Header(), draw(frame, 0.5, verdict, Distortion.LENS_BLUR, quality_map))
    image = time_calls(lambda: draw_message(gain(counts)), seconds)
    preview = time_calls(lambda: draw_message(reduced(gain(counts))), seconds)
    return (f'of a node, 640x512 mono16: {image.cpu_ms:.2f} ms for an overlay image, '
            f'{preview.cpu_ms:.2f} ms for a preview')


def watch(options) -> None:
    """Show the window over what is published, and print what it costs."""
    rclpy.init()
    application = make_application('monitor')
    fleet = CountingFleet()
    window = MonitorWidget(MonitorClient(fleet))
    window.resize(_WIDTH_PX, options.height)
    window.show()
    deadline_s = time.monotonic() + _START_WITHIN_S
    while sum(row.has_score for row in fleet.rows.values()) < options.cameras:
        if time.monotonic() > deadline_s:
            sys.exit('not all cameras were heard in time')
        spin(application, 0.2)
    fleet.remember_minutes()
    spin(application, min(3.0, options.seconds))
    print(f'{options.cameras} cameras at {options.rate:g} Hz, '
          f'{len(window.cameras.visible())} rows in sight')
    for _ in range(options.iterations):
        print(measure(application, fleet, options.seconds), flush=True)
    window.stop()
    rclpy.try_shutdown()


def main(argv=None) -> int:
    """Measure and print."""
    options = parser().parse_args(argv)
    if options.quick:
        options.cameras, options.seconds, options.iterations = 2, 2.0, 1
    os.environ.setdefault('QT_QPA_PLATFORM', 'offscreen')
    print(drawing(min(options.seconds, 2.0)), flush=True)
    with tempfile.TemporaryDirectory(prefix='fliqe_bench_') as folder, isolated(Path(folder)):
        with subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name('monitor_node.py')),
                 f'--cameras={options.cameras}', f'--rate={options.rate}'],
                stdin=subprocess.PIPE):
            watch(options)
    return 0


if __name__ == '__main__':
    sys.exit(main())
