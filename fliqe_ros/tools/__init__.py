"""Command lines: simulated cameras, the demo, scoring, training and evaluation."""

from __future__ import annotations

import sys
from types import TracebackType

_PYTHON_ANSWERS = sys.excepthook


def _tell_what_is_missing(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None,
) -> None:
    """Answer a package that is not installed with one sentence instead of a traceback."""
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing and not missing.startswith('fliqe_ros'):
        name = missing.partition('.')[0]
        print(f'{name} is not installed, and this command needs it: pip install {name}',
              file=sys.stderr)
    else:
        _PYTHON_ANSWERS(kind, error, trace)


if sys.argv[:1] == ['-m']:  # Python's own until the module of `python -m` is found
    sys.excepthook = _tell_what_is_missing
