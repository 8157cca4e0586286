"""The executable ``monitor``: the window alone, without rqt."""

from __future__ import annotations

from collections.abc import Sequence
import signal
import sys
from typing import Any

_HELP = """usage: monitor [--ros-args -r FROM:=TO …]

Shows the image quality of all thermal cameras that a quality_node scores, the worst first.
"""
_SIZE_PX = (1200, 800)


def main(args: Sequence[str] | None = None) -> int:
    """
    Show the window until it is closed, or SIGINT or SIGTERM comes.

    :param args: the command line, by default that of the process.
    :return: the exit status: 0, 1 if there is no binding of Qt, or 2 for an unknown argument.
    """
    words = list(sys.argv[1:] if args is None else args)
    if {'-h', '--help'} & set(words):
        print(_HELP, end='')
        return 0
    try:
        from fliqe_ros.tools.monitor_window.qt import make_application
    except ImportError as error:
        print(f'monitor: {error}', file=sys.stderr)
        return 1
    import rclpy
    from rclpy.signals import SignalHandlerOptions
    from rclpy.utilities import remove_ros_args
    unknown = remove_ros_args(['monitor', *words])[1:]
    if unknown:
        print(f'monitor: there is no argument {unknown[0]}\n{_HELP}', end='', file=sys.stderr)
        return 2
    rclpy.init(args=words, signal_handler_options=SignalHandlerOptions.NO)
    try:
        return _show(make_application('fliqe_ros monitor'))
    finally:
        rclpy.try_shutdown()


def _show(application: Any) -> int:
    from fliqe_ros.tools.monitor_window.client import MonitorClient
    from fliqe_ros.tools.monitor_window.fleet import Fleet
    from fliqe_ros.tools.monitor_window.qt import run
    from fliqe_ros.tools.monitor_window.window import MonitorWidget
    # Python handles signals between two events of Qt, and the window polls five times a second.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: application.quit())
    window = MonitorWidget(MonitorClient(Fleet()))
    window.resize(*_SIZE_PX)
    window.show()
    status = run(application)
    window.stop()
    return status


if __name__ == '__main__':
    sys.exit(main())
