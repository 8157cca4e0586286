"""The list of baselines that models are compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fliqe_ros.evaluation.baselines.autoware_rules import block_score, block_states
from fliqe_ros.evaluation.baselines.image_statistics import (
    entropy, histogram, laplacian, tenengrad)
from fliqe_ros.evaluation.baselines.nss_metrics import make_brisque, make_niqe, piqe
import numpy as np

#: (H, W) uint8 → one number or several.
Measure = Callable[[np.ndarray], float | np.ndarray]
#: (K,) floats that a measure gave → score in [0, 1].
Decision = Callable[[np.ndarray], float]
INSTALL_COMMAND = 'pip install "fliqe_ros[baselines]"'


@dataclass(frozen=True)
class Baseline:
    """
    A method that measures a gray frame.

    ``decide`` applies the method's own thresholds. It is None if the method has none; then it is
    fitted to the training split.
    """

    name: str
    measure: Measure
    decide: Decision | None = None


def find_baselines() -> tuple[list[Baseline], list[str]]:
    """
    Return all baselines that can run here, and a sentence for each that cannot.

    The sentence names the package that is missing.
    """
    found = [Baseline('laplacian', laplacian), Baseline('tenengrad', tenengrad),
             Baseline('entropy', entropy), Baseline('histogram', histogram),
             Baseline('autoware', block_states, block_score),
             Baseline('autoware fitted', block_states), Baseline('piqe', piqe)]
    missing = []
    for name, make in (('brisque', make_brisque), ('niqe', make_niqe)):
        try:
            found.append(Baseline(name, make()))
        except ImportError as error:
            missing.append(left_out(name, error))
    return found, missing


def left_out(name: str, error: ImportError) -> str:
    """Return the sentence for a baseline whose package is missing."""
    return f'{name} is left out: {error}; {INSTALL_COMMAND}.'
