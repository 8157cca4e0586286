"""The monitor's window over the cameras of the demo, where there is a display."""

from __future__ import annotations

from contextlib import ExitStack
import os
from pathlib import Path

from fliqe_ros.tools.demo_system import output_of, Process, running

#: One of these tells where a display is, or how to draw without one.
_OF_DISPLAYS = ('DISPLAY', 'WAYLAND_DISPLAY', 'QT_QPA_PLATFORM')


class DemoWindow:
    """
    The window in a process of its own, which the demo outlives.

    Where there is no display, or no Qt that runs, it has ``failed``, and that is told.
    """

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._process: Process | None = None
        if any(os.environ.get(name) for name in _OF_DISPLAYS):
            self._process = stack.enter_context(
                running('fliqe_ros.tools.monitor_window.main', {}, folder))
        else:
            print('There is no display for the window, so here are lines:', flush=True)

    @property
    def is_open(self) -> bool:
        """Return whether nobody has closed it."""
        return self._process is not None and self._process.poll() is None

    @property
    def failed(self) -> bool:
        """Return whether it cannot be shown; tell once why."""
        if self._process is not None and self._process.poll():
            print(f'The window could not be shown:\n{output_of(self._process)}', flush=True)
            self._process = None
        return self._process is None
