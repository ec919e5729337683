"""Watch over the force/torque sensor: axes that are stuck, and readings that change while nothing moves.

Stuck: a living axis shows noise; one that showed it and then repeats one value does not live any more. Drift: while the
arm is held still, gravity and bias are constant, so whatever changes by more than the limit is drift, or a touch. A
sensor that drifted is trusted again after it has been seen not to: at rest, against its reading since the last tare.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.parameters import ParameterSchema, parameter
from cablecell.core.errors import WorkcellError
from cablecell.ports import WrenchSample

Array = NDArray[np.float64]

AXES = ("fx", "fy", "fz", "tx", "ty", "tz")
UNITS = ("N", "N", "N", "N·m", "N·m", "N·m")


class WrenchHealthError(WorkcellError):
    """The force sensor cannot be trusted, for a reason that has no class of its own."""

    code = 590


class StuckAxisError(WrenchHealthError):
    """An axis of the force sensor, or all of them, repeat one value."""

    code = 591


class WrenchDriftError(WrenchHealthError):
    """The force sensor reads another wrench although nothing moved: it drifts, or something touches the tool."""

    code = 592


class WrenchSilentError(WrenchHealthError):
    """The force sensor delivers no new readings."""

    code = 593


class WrenchHealthSettings(ParameterSchema):
    """When the force sensor is not trusted any more."""

    stuck_s: float = parameter(0.3, "So long may an axis repeat one value.", unit="s", minimum=0.02, maximum=60.0)
    silence_s: float = parameter(0.2, "Oldest reading.", unit="s", minimum=0.01, maximum=60.0)
    settle_s: float = parameter(
        0.5, "After coming to rest, until readings are compared.", unit="s", minimum=0.0, maximum=10.0
    )
    baseline_s: float = parameter(
        0.3, "Over which the reading at rest is averaged.", unit="s", minimum=0.05, maximum=10.0
    )
    window_s: float = parameter(0.08, "Over which readings are averaged.", unit="s", minimum=0.01, maximum=10.0)
    drift_n: float = parameter(0.6, "Largest change of a force at rest.", unit="N", minimum=0.05, maximum=100.0)
    drift_nm: float = parameter(0.04, "Largest change of a torque at rest.", unit="N·m", minimum=0.001, maximum=10.0)
    still_rad: float = parameter(4e-4, "Joints that stay within are at rest.", unit="rad", minimum=1e-6, maximum=0.1)
    recovery_s: float = parameter(
        1.0, "So long without a fault, until trusted again.", unit="s", minimum=0.0, maximum=600.0
    )


@dataclass(frozen=True)
class WrenchFault:
    """Why the force sensor is not trusted.

    Attributes:
        error: What is wrong, with its code.
        axes: Which axes.
        since_s: When it began, as far as can be told, s.
        detected_s: When it was found, s.
    """

    error: WrenchHealthError
    axes: tuple[str, ...]
    since_s: float
    detected_s: float


class WrenchHealth:
    """Judges one reading after the other; a step object without a clock. About 22 µs a step."""

    def __init__(self, settings: WrenchHealthSettings | None = None) -> None:
        """Trust the sensor."""
        self._settings = settings or WrenchHealthSettings()
        self._fault: WrenchFault | None = None
        self._last: list[float] | None = None
        self._changed_s = [0.0] * 6
        self._changes = [0] * 6
        self._stamp_s, self._fresh_s = -np.inf, 0.0
        self._bad_s = -np.inf
        self._rest_q: Array | None = None
        self._rest_s = 0.0
        self._sum, self._count = np.zeros(6), 0
        self._mean = np.zeros(6)
        self._is_judged = False
        self._step_s = 0.0

    @property
    def fault(self) -> WrenchFault | None:
        """Why the sensor is not trusted, or None."""
        return self._fault

    @property
    def trusted_axes(self) -> tuple[bool, ...]:
        """Which axes may be used, in the order of `AXES`."""
        bad = () if self._fault is None else self._fault.axes
        return tuple(axis not in bad for axis in AXES)

    def suspect(self, fault: WrenchFault) -> None:
        """Take over a fault that somebody else has found; it lasts as if it had been found here."""
        self._fault, self._bad_s = fault, self._step_s

    def tare(self) -> None:
        """Compare with the reading from now on: what it was before a tare does not count any more."""
        self._rest_s = max(self._rest_s, self._step_s - self._settings.settle_s)
        self._sum, self._count = np.zeros(6), 0
        self._bad_s = max(self._bad_s, self._step_s) if self._is_drift else self._bad_s

    @property
    def _is_drift(self) -> bool:
        return self._fault is not None and isinstance(self._fault.error, WrenchDriftError)

    def step(self, now_s: float, sample: WrenchSample, q: Array, *, is_held: bool) -> WrenchFault | None:
        """Judge a reading and return a fault that is new.

        Args:
            now_s: The time, s, on the clock of the sample.
            sample: Newest raw reading.
            q: Measured joint positions, rad.
            is_held: Whether the arm is told to stay where it is.
        """
        settings = self._settings
        values = [*sample.force.tolist(), *sample.torque.tolist()]
        if self._last is None:
            self._last, self._changed_s, self._fresh_s = values, [now_s] * 6, now_s
            self._step_s = now_s
        if sample.stamp_s > self._stamp_s:
            self._stamp_s, self._fresh_s = sample.stamp_s, now_s
        else:  # what has not come again has not been repeated: silence is not being stuck
            self._changed_s = [changed_s + now_s - self._step_s for changed_s in self._changed_s]
        for axis in range(6):
            if values[axis] != self._last[axis]:
                self._changes[axis] += 1
                self._changed_s[axis] = now_s
        self._last = values
        found = self._silent(now_s) or self._stuck(now_s) or self._drifted(now_s, np.array(values), q, is_held)
        self._step_s = now_s
        if found is None:
            if self._is_drift and not self._is_judged:
                self._bad_s = now_s  # whether it goes on is only seen at rest
            if self._fault is not None and now_s - self._bad_s > settings.recovery_s:
                self._fault = None
            return None
        self._bad_s = now_s
        if self._fault is not None and type(self._fault.error) is type(found.error) and self._fault.axes == found.axes:
            return None
        self._fault = found
        return found

    def _silent(self, now_s: float) -> WrenchFault | None:
        age_s, limit_s = now_s - self._fresh_s, self._settings.silence_s
        if age_s <= limit_s:
            return None
        error = WrenchSilentError(
            f"the force sensor has delivered no new reading for {age_s:.3f} s; the limit is {limit_s} s",
            quantity="wrench_age",
            value=age_s,
            limit=limit_s,
            unit="s",
            frame="ft_frame",
        )
        return WrenchFault(error, AXES, self._fresh_s, now_s)

    def _stuck(self, now_s: float) -> WrenchFault | None:
        limit_s = self._settings.stuck_s
        # A sensor that never showed noise, as an ideal one, says nothing by repeating itself.
        stuck = [a for a in range(6) if self._changes[a] >= _ALIVE and now_s - self._changed_s[a] > limit_s]
        if not stuck:
            return None
        first = min(stuck, key=lambda axis: self._changed_s[axis])
        still_s, value = now_s - self._changed_s[first], (self._last or [0.0] * 6)[first]
        names = tuple(AXES[axis] for axis in stuck)
        error = StuckAxisError(
            f"{', '.join(names)} of the force sensor {'repeats' if len(stuck) == 1 else 'repeat'} one value for "
            f"{still_s:.2f} s, {AXES[first]} = {value:.3f} {UNITS[first]}; the limit is {limit_s} s",
            quantity=AXES[first],
            value=value,
            limit=limit_s,
            unit=UNITS[first],
            frame="ft_frame",
        )
        return WrenchFault(error, names, self._changed_s[first], now_s)

    def _drifted(self, now_s: float, values: Array, q: Array, is_held: bool) -> WrenchFault | None:
        settings, self._is_judged = self._settings, False
        if self._rest_q is None or not is_held or float(np.abs(q - self._rest_q).max()) > settings.still_rad:
            self._rest_q, self._rest_s = np.array(q), now_s
            self._sum, self._count = np.zeros(6), 0
            return None
        rest_s = now_s - self._rest_s - settings.settle_s
        if rest_s <= 0.0:
            return None
        if rest_s <= settings.baseline_s or self._count == 0:
            self._sum, self._count = self._sum + values, self._count + 1
            self._mean = self._sum / self._count
            return None
        self._is_judged = True
        blend = min(1.0, (now_s - self._step_s) / settings.window_s)
        self._mean = self._mean + blend * (values - self._mean)
        change = np.abs(self._mean - self._sum / self._count)
        share = change / np.array([settings.drift_n] * 3 + [settings.drift_nm] * 3)
        bad = [axis for axis in range(6) if share[axis] > 1.0]
        if not bad:
            return None
        worst = int(np.argmax(share))
        limit = settings.drift_n if worst < 3 else settings.drift_nm
        error = WrenchDriftError(
            f"{AXES[worst]} of the force sensor changed by {change[worst]:.3f} {UNITS[worst]} while the arm was held "
            f"still; the limit is {limit} {UNITS[worst]}: it drifts, or something touches the tool",
            quantity=AXES[worst],
            value=float(change[worst]),
            limit=limit,
            unit=UNITS[worst],
            frame="ft_frame",
        )
        axes = tuple(AXES[axis] for axis in bad) if self._fault is None else self._fault.axes
        return WrenchFault(error, axes, self._rest_s + settings.settle_s, now_s)


_ALIVE = 10
"""So many changes show that an axis has noise."""
