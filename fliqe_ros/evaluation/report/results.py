"""Everything that an evaluation found, as the report shows it."""

from __future__ import annotations

from dataclasses import dataclass, field

from fliqe_ros.evaluation.methods import NetworkMethod
from fliqe_ros.evaluation.metrics import EvaluationRecord


@dataclass
class Results:
    """The results of all methods under all protocols."""

    #: The networks, in the order they were given.
    models: list[NetworkMethod]
    #: Protocol → {method → records}.
    records: dict[str, dict[str, list[EvaluationRecord]]] = field(default_factory=dict)
    #: Method → median time per frame.
    milliseconds: dict[str, float] = field(default_factory=dict)
    #: Source → number of frames evaluated.
    frames: dict[str, int] = field(default_factory=dict)
    #: Source → number of frames that the baselines were fitted to.
    fitted_to: dict[str, int] = field(default_factory=dict)
    #: A sentence for each baseline that cannot run here.
    left_out: list[str] = field(default_factory=list)

    @property
    def model_names(self) -> tuple[str, ...]:
        """Names of the networks, in the order they were given."""
        return tuple(model.name for model in self.models)
