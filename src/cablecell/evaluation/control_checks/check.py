"""What a check of the controller is, and how its result is written."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from cablecell.core.control.command import ComplianceCommand
from cablecell.core.geometry import Array

Row = dict[str, Any]


@dataclass(frozen=True)
class Check:
    """One check, repeated with other seeds.

    Attributes:
        name: Unique name.
        unit: Of what is measured.
        target: What must not be exceeded; infinite for a figure that is only stated.
        measure: From a seed to what was measured, and what else to note.
    """

    name: str
    unit: str
    target: float
    measure: Callable[[int], tuple[float, Row]]

    def run(self, seed: int) -> Row:
        """Return one row: measured, target, pass, and the notes."""
        measured, notes = self.measure(seed)
        is_met = math.isfinite(measured) and measured <= self.target
        target = self.target if math.isfinite(self.target) else None
        return {
            "check": self.name,
            "seed": seed,
            "unit": self.unit,
            "measured": float(measured),
            "target": target,
            "pass": bool(is_met),
            **notes,
        }


def gains(linear: float, rotational: float) -> Array:
    """Return a diagonal gain matrix, N/m and N·m/rad, or of dampers."""
    return np.diag([linear] * 3 + [rotational] * 3)


def hold_command(now_s: float, X: Array, stiffness: Array, X_tcp_comp: Array | None = None) -> ComplianceCommand:
    """Return a command that holds a pose of the compliance frame."""
    return ComplianceCommand(now_s, X, np.eye(4) if X_tcp_comp is None else X_tcp_comp, stiffness)
