"""Severities: how strong a simulated fault is, from just visible to ruinous."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Of what is drawn to learn from; 0 is the mildest of what counts as a fault.
LEAST_SEVERITY = -0.3
_LOGIT_AT_REFERENCE = 3.5


@dataclass(frozen=True)
class Range:
    """
    The physical parameter of a fault: at severity 0, at the reference, and at severity 1.

    It runs geometrically from ``mild`` to ``strong``; models are compared at ``reference``.
    """

    mild: float
    reference: float
    strong: float
    unit: str
    #: Where people begin to call a picture fair rather than good; None is ``mild``.
    fair: float | None = None

    @property
    def reference_severity(self) -> float:
        """Severity that gives the reference."""
        return float(np.log(self.reference / self.mild) / np.log(self.strong / self.mild))

    def at(self, severity: float | None) -> float:
        """
        Value of the parameter; ``None`` is the reference.

        :param severity: 0 to 1; below 0, down to ``LEAST_SEVERITY``, it is hardly visible.
        :raises ValueError: for any other severity.
        """
        if severity is None:
            return self.reference
        if not LEAST_SEVERITY <= severity <= 1.0:
            raise ValueError(f'Severity {severity} is not in [{LEAST_SEVERITY:g}, 1].')
        return self.mild * (self.strong / self.mild) ** severity

    def perceived(self, severity: float | None) -> float:
        """
        Return the probability, 0 to 1, that a person calls such a picture fair or worse.

        Opinion scores fall along a logistic curve in the logarithm of a fault's parameter, as in
        LWIR-IQA (doi 10.2478/jee-2022-0011): here one half at ``fair``, and nearly one at the
        reference.
        """
        fair = self.mild if self.fair is None else self.fair
        steps = np.log(self.at(severity) / fair) / np.log(self.reference / fair)
        return float(1 / (1 + np.exp(-_LOGIT_AT_REFERENCE * steps)))
