"""Severities: how strong a simulated fault is, from just visible to ruinous."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


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

    @property
    def reference_severity(self) -> float:
        """Severity that gives the reference."""
        return float(np.log(self.reference / self.mild) / np.log(self.strong / self.mild))

    def at(self, severity: float | None) -> float:
        """
        Value of the parameter; ``None`` is the reference.

        :raises ValueError: for a severity outside [0, 1].
        """
        if severity is None:
            return self.reference
        if not 0.0 <= severity <= 1.0:
            raise ValueError(f'Severity {severity} is not in [0, 1].')
        return self.mild * (self.strong / self.mild) ** severity
