"""What a check of the physics is, and how its result is written."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Row = dict[str, Any]


@dataclass(frozen=True)
class Check:
    """One check, repeated at random parameters.

    Attributes:
        name: Unique name.
        item: What it belongs to, for the reader.
        unit: Of what is measured.
        tolerance: Largest error.
        measure: From a source of randomness to what was measured, what was expected, and what else to note.
        kind: `relative`: the error is |measured - expected| / |expected|. `absolute`: without the division. `limit`:
            measured must not be above expected, the error is their ratio.
        note: What a reader should know about the tolerance.
    """

    name: str
    item: str
    unit: str
    tolerance: float
    measure: Callable[[np.random.Generator], tuple[float, float, dict[str, Any]]]
    kind: Literal["relative", "absolute", "limit"] = "relative"
    note: str = ""

    def run(self, rng: np.random.Generator) -> Row:
        """Return one row: measured, expected, error, tolerance, pass, and the parameters."""
        measured, expected, notes = self.measure(rng)
        if self.kind == "relative":
            error = abs(measured - expected) / abs(expected)
        elif self.kind == "absolute":
            error = abs(measured - expected)
        else:
            error = measured / expected
        return {
            "check": self.name,
            "item": self.item,
            "unit": self.unit,
            "kind": self.kind,
            "measured": float(measured),
            "expected": float(expected),
            "error": float(error),
            "tolerance": self.tolerance,
            "pass": bool(math.isfinite(error) and error <= self.tolerance),
            **notes,
        }


def rms(values: NDArray[np.float64]) -> float:
    """Return the root of the mean square."""
    return float(np.sqrt(np.mean(np.square(values))))


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """Return a uniform random number."""
    return float(rng.uniform(low, high))
