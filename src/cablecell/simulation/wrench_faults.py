"""A force sensor that is broken on purpose, to see what the cell makes of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cablecell.ports import WrenchSample

_KINDS = ("stuck", "all_stuck", "drift", "silent")


@dataclass
class WrenchFault:
    """What is wrong, from the first sample that is altered.

    Attributes:
        kind: `stuck` or `all_stuck` repeat a value, `drift` adds a ramp, `silent` repeats the whole sample.
        axis: Which axis is stuck or drifts, 0 to 5.
        rate: Of drift, N/s or N·m/s.
    """

    kind: str
    axis: int = 2
    rate: float = 0.0
    _kept: WrenchSample | None = None

    @classmethod
    def parse(cls, described: object) -> WrenchFault | None:
        """Return a fault from a mapping with `kind`, `axis` and `rate`; None for none.

        Raises:
            ValueError: There is no such kind, or no such axis.
        """
        if not described:
            return None
        if not isinstance(described, dict) or described.get("kind") not in _KINDS:
            raise ValueError(f"wrench = {described} needs a kind; valid are {', '.join(_KINDS)}")
        axis, rate = described.get("axis", 2), described.get("rate", 0.0)
        if axis not in range(6):
            raise ValueError(f"axis = {axis} is not one of 0 to 5")
        return cls(described["kind"], int(axis), float(rate))

    def alter(self, sample: WrenchSample) -> WrenchSample:
        """Return what the broken sensor says."""
        kept = self._kept = self._kept or sample
        if self.kind == "silent":
            return kept
        if self.kind == "all_stuck":
            return replace(sample, force=kept.force, torque=kept.torque)
        values = np.concatenate((sample.force, sample.torque))
        if self.kind == "stuck":
            values[self.axis] = np.concatenate((kept.force, kept.torque))[self.axis]
        else:
            values[self.axis] += self.rate * (sample.stamp_s - kept.stamp_s)
        return replace(sample, force=values[:3], torque=values[3:])
