"""The launch process that started this one, so that it leaves no orphan when it is killed."""

import os

#: Environment variable in which our launch files give their process id.
VARIABLE = 'FLIQE_LAUNCHED_BY'


class Launcher:
    """
    Tells whether the launch process that started this one has ended.

    On SIGTERM ``ros2 launch`` ends without a word to what it has started. A process that was
    started otherwise is never told that its launcher has ended.
    """

    def __init__(self) -> None:
        pid = os.environ.get(VARIABLE, '')
        self._pid = int(pid) if pid.isdecimal() else None

    @property
    def has_ended(self) -> bool:
        """Return whether the launch process is gone."""
        if self._pid is None:
            return False
        try:
            os.kill(self._pid, 0)  # sends nothing
        except OSError as error:
            return isinstance(error, ProcessLookupError)
        return False
