"""The executable ``quality_node``: the node in a process that ends cleanly on a signal."""

from __future__ import annotations

from contextlib import suppress
import os
from pathlib import Path
import select
import signal
import sys
import threading
from typing import TYPE_CHECKING

from fliqe_ros.node.launcher import Launcher

if TYPE_CHECKING:
    from fliqe_ros.node.quality_node import QualityNode
    from rclpy.executors import Executor

# A launch system and users expect a node to be gone within 2 s, on a busy machine too.
_GRACE_S = 1.2
_LEAVE_S = 0.3
_LOOK_AT_LAUNCHER_S = 1.0
_HELP = """usage: quality_node [--ros-args -p NAME:=VALUE … --params-file FILE -r FROM:=TO …]

Scores the image quality of thermal cameras and publishes it on <camera>/quality.

  ros2 run fliqe_ros quality_node --ros-args -p cameras:="['/flir_front', '/flir_rear']"

While it runs, ros2 param list /fliqe and ros2 param describe /fliqe NAME tell its parameters;
{config} has them all with their defaults.
"""


class StopSignal:
    """
    Turns SIGINT and SIGTERM, however many arrive, into one request to stop.

    Python runs signal handlers only once the main thread returns from what it waits for, and then
    in the middle of anything. So the handlers do nothing here. Instead, a thread learns of the
    signal through the wake-up file and wakes the executor. If the clean-up is held up, for
    example by an import of PyTorch, the thread ends the process after a grace period.

    The end of the launch process that started this one counts as a signal.
    """

    def __init__(self) -> None:
        self.received = threading.Event()
        self._node: QualityNode | None = None
        self._executor: Executor | None = None
        self._read, write = os.pipe()
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        threading.Thread(target=self._wait, name='fliqe_signals', daemon=True).start()

    def stops(self, node: QualityNode, executor: Executor) -> None:
        """On a signal, let the executor's ``spin_once`` return for the node to be shut down."""
        self._node, self._executor = node, executor

    def _wait(self) -> None:
        launcher = Launcher()
        while not launcher.has_ended:
            if select.select([self._read], [], [], _LOOK_AT_LAUNCHER_S)[0]:
                break
        self.received.set()
        if self._executor:
            with suppress(Exception):  # it may be shut down already
                self._executor.create_task(lambda: None)
        threading.Event().wait(_GRACE_S)
        # Take the node out of the ROS graph from here if possible, so that others need not wait
        # for its lease to expire.
        leave = threading.Thread(target=self._leave, daemon=True)
        leave.start()
        leave.join(_LEAVE_S)
        _exit_now(0)

    def _leave(self) -> None:
        if self._node:
            with suppress(Exception):
                self._node.destroy_node()


def _exit_now(status: int) -> None:
    """
    End the process at once, whatever its threads do.

    Python takes seconds to take down PyTorch on a busy machine.
    """
    with suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


def _print_help() -> None:
    prefix = Path(__file__).parents[5]  # of lib/python3.x/site-packages/fliqe_ros/node/main.py
    print(_HELP.format(config=prefix / 'share' / 'fliqe_ros' / 'config' / 'fliqe.yaml'), end='')


def _spin(node: QualityNode, executor: Executor, stop: StopSignal) -> None:
    from fliqe_ros.errors import one_line
    while executor.context.ok() and not (stop.received.is_set() or node.start_failed):
        try:
            executor.spin_once()
        except Exception as error:
            node.get_logger().error(f'a callback failed: {one_line(error)}')


def _run(args: list[str] | None, stop: StopSignal) -> int:
    """Run the node until it is to stop; return the exit status."""
    # Imported only now, so that a signal during the imports ends the process cleanly as well.
    from fliqe_ros.node.rclpy_compat import MessagesFirstExecutor
    from fliqe_ros.node.quality_node import QualityNode
    import rclpy
    from rclpy.signals import SignalHandlerOptions

    # Without rclpy's handlers the context is still valid for the shutdown transition.
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    node = QualityNode()
    executor = MessagesFirstExecutor()
    executor.add_node(node)
    stop.stops(node, executor)
    _spin(node, executor, stop)
    node.close()
    executor.shutdown()
    node.destroy_node()
    rclpy.try_shutdown()
    return int(node.start_failed)


def main(args: list[str] | None = None) -> None:
    """
    Run the node until SIGINT or SIGTERM, and end the process.

    Exit status: 0, or 1 if the node was to start by itself and could not.
    """
    words = sys.argv[1:] if args is None else args
    if {'-h', '--help'} & set(words):
        _print_help()
        return
    stop = StopSignal()
    try:
        status = _run(args, stop)
    except Exception as error:
        from fliqe_ros.errors import one_line
        print(f'quality_node: {one_line(error)}', file=sys.stderr)
        status = 1
    _exit_now(status)


if __name__ == '__main__':
    main()
