"""The folder of a training run: the state to go on from, metrics.csv and TensorBoard scalars."""

from __future__ import annotations

from collections.abc import Callable
import csv
from dataclasses import asdict, dataclass
import math
import os
from pathlib import Path
from typing import Any, IO

import torch


@dataclass(frozen=True)
class EpochResult:
    """One epoch: mean losses by name, and how well the averaged network did on each source."""

    epoch: int
    losses: dict[str, float]
    #: of the validation frames of each source that has any
    balanced_accuracy: dict[str, float]
    learning_rate: float     # at the end of the epoch
    seconds: float

    @property
    def worst(self) -> float:
        """Balanced accuracy of the worst source; NaN without validation frames."""
        return min(self.balanced_accuracy.values(), default=math.nan)

    def columns(self) -> dict[tuple[str, str], Any]:
        """Name → value, as (section, name) → value."""
        return {('', 'epoch'): self.epoch,
                **{('loss', name): value for name, value in self.losses.items()},
                ('balanced_accuracy', 'worst'): self.worst,
                **{('balanced_accuracy', name): value
                   for name, value in self.balanced_accuracy.items()},
                ('', 'learning_rate'): self.learning_rate,
                ('', 'seconds'): round(self.seconds, 1)}

    def __str__(self) -> str:
        return ', '.join(f'{name} {value:.3g}' for (_, name), value in self.columns().items())


def best_epoch(history: list[EpochResult]) -> int:
    """Return the first epoch in which the worst source was best."""
    worst = [-math.inf if math.isnan(result.worst) else result.worst for result in history]
    return worst.index(max(worst))


def out_of_patience(history: list[EpochResult], patience: int) -> bool:
    """Tell whether the last ``patience`` epochs brought no better worst source; 0 never ends."""
    return bool(patience and history) and len(history) - 1 - best_epoch(history) >= patience


class RunFolder:
    """
    Files of one run; each is replaced only once its successor is complete on disk.

    ``state.pt`` is read and written as a dict whose ``settings`` must stay the same and whose
    ``history`` lists the results of the finished epochs.
    """

    def __init__(self, path: Path):
        self.path = Path(path)
        self.path.mkdir(parents=True, exist_ok=True)
        self._tensorboard: Any = None  # a SummaryWriter, once there is something to write

    def load(self, settings: dict[str, Any], device: str) -> dict[str, Any] | None:
        """
        Return the state of an unfinished run, None if there is none.

        :raises ValueError: if it is of other settings or cannot be read.
        """
        path = self.path / 'state.pt'
        if not path.is_file():
            return None
        try:
            state = torch.load(path, map_location=device, weights_only=True)
            unchanged = state['settings'] == settings
        except Exception as error:  # torch names a dozen causes
            raise ValueError(f'{path} cannot be read ({type(error).__name__}); remove it to start '
                             'afresh, or choose another folder.') from error
        if not unchanged:
            raise ValueError(f'{path} is of a run with other settings; choose another folder.')
        history = [EpochResult(**row) for row in state['history']]
        self._write_metrics(history)  # the run may have ended between the two files
        return {**state, 'history': history}

    def save(self, state: dict[str, Any]) -> None:
        """Write the state and ``metrics.csv``, and log the newest epoch."""
        history = state['history']
        self._log_scalars(history[-1])
        rows = [asdict(result) for result in history]
        self._replace('state.pt', 'wb', lambda file: torch.save({**state, 'history': rows}, file))
        self._write_metrics(history)

    def close(self) -> None:
        """Finish the TensorBoard file."""
        if self._tensorboard:
            self._tensorboard.close()
            self._tensorboard = None

    def _write_metrics(self, history: list[EpochResult]) -> None:
        def write(file: IO) -> None:
            writer = csv.writer(file)
            writer.writerow([name for _, name in history[0].columns()])
            writer.writerows(result.columns().values() for result in history)
        self._replace('metrics.csv', 'w', write)

    def _replace(self, name: str, mode: str, write: Callable[[IO], None]) -> None:
        unfinished = self.path / f'{name}.part'
        with unfinished.open(mode, newline=None if 'b' in mode else '') as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())  # else a power cut may leave the new name with no content
        unfinished.replace(self.path / name)

    def _log_scalars(self, result: EpochResult) -> None:
        if self._tensorboard is None:
            try:
                from torch.utils.tensorboard import SummaryWriter  # optional, and slow to import
            except ImportError:
                return
            # an epoch that is done again after a kill takes the place of its first try
            self._tensorboard = SummaryWriter(str(self.path / 'tensorboard'),
                                              purge_step=result.epoch)
        for (section, name), value in result.columns().items():
            tag = f'{section}/{name}' if section else name
            self._tensorboard.add_scalar(tag, value, result.epoch)
        self._tensorboard.flush()
