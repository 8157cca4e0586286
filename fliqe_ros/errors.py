"""What can be wrong with a frame, a file, a model or a setting; imports nothing of the package."""

from __future__ import annotations

from pathlib import Path

_LONGEST_LINE = 400


class FrameError(ValueError):
    """
    A frame or image message that cannot be turned into something to score.

    ``cause`` is a short, stable snake_case key to count by: ``unknown_encoding``, ``zero_size``,
    ``step_too_small``, ``too_little_data``, ``too_large``, ``undecodable``, ``all_nan``,
    ``unsupported_dtype`` or ``unsupported_shape``. ``str()`` is one sentence for people.
    """

    def __init__(self, cause: str, sentence: str):
        super().__init__(cause, sentence)
        self.cause = cause

    def __str__(self) -> str:
        return self.args[1]


class SourceError(ValueError):
    """A source gives no frames; the text names it and says why."""


class CheckpointError(ValueError):
    """A model file cannot be used; the message names the file and the reason in one sentence."""

    def __init__(self, path: str | Path, reason: str):
        super().__init__(f'Cannot load model {path}: {reason}.')
        self.path = Path(path)
        self.reason = reason

    @classmethod
    def no_file(cls, path: Path) -> CheckpointError:
        """Return the error for a path at which no file is."""
        return cls(path, 'it is a folder' if path.is_dir() else 'there is no such file')


class ProfileError(ValueError):
    """A camera's profile cannot be learnt, read or used; the text says why in one sentence."""


class BackendError(ValueError):
    """A backend cannot be used on this machine; the text says why in one sentence."""


class ExportError(RuntimeError):
    """The exported model is not what it was exported from; the text says by how much."""


class ScheduleError(ValueError):
    """A schedule cannot be understood; the text says where and why."""


def one_line(error: BaseException) -> str:
    """Return what an error says, on one line; its type where it says nothing."""
    sentence = ' '.join(str(error).split()) or type(error).__name__
    if len(sentence) <= _LONGEST_LINE:
        return sentence
    kept = sentence[:_LONGEST_LINE - 1]
    return (kept.rsplit(' ', 1)[0] if sentence[_LONGEST_LINE - 1] != ' ' else kept) + '…'
