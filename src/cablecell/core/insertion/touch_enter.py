"""Moves of a plug in the opening: going in, and aligning with a side."""

from __future__ import annotations

import math

import numpy as np

from cablecell.core.config.touch import TouchSettings
from cablecell.core.insertion.phase import Measurement, Setpoint
from cablecell.core.insertion.touch_motion import GUARD_ACCELERATION, LEAST_PUSH_N, Mean, Motion, Place

_ACROSS_N, _ACROSS_GAIN = 0.3, 0.004
"""Side force that a plug in the opening gives way to, N, and how fast it does, m/(s*N)."""

_PUSH_GAIN = 0.008
"""Speed of the set-point per force that is missing while faces align, m/(s*N)."""

_EASE_N = 6.5
"""Force above which a plug in the opening is hardly turned any more."""

_TURN_SHARES = np.array([1.0, 1.0, 0.7])
"""The turn about the port's axis has the shortest lever to the wrist, and answers soonest."""

_MOST_TURN = 0.4
"""Fastest turn of a plug in the opening, rad/s."""

_DEAD_BAND_NM = 0.03
"""Moment that a plug on its way in does not give way to."""


class Align(Motion):
    """In the opening: move towards a side, press, and turn until the wall asks for no more turn.

    Positions are those of the middle of the length in the opening, so that the push acts there.
    """

    def __init__(self, m: Measurement, axis: int, sign: float, settings: TouchSettings) -> None:
        """Begin.

        Args:
            m: Now, of the middle.
            axis: 0 or 1, of the port.
            sign: Of the side.
            settings: Of the sequence.
        """
        self._settings, self._axis, self._sign = settings, axis, sign
        self._begun = m.p.copy()
        self._p = m.p.copy()
        self._rotvec = m.rotvec.copy()
        self._stiffness = np.array([settings.soft_stiffness] * 2 + [settings.stiffness] * 4)
        self._stiffness[axis] = settings.stiffness
        # Stiff in rotation, and led by the moment: a long tool is too heavy to be turned by a soft spring.
        self._stiffness[3:] = settings.rotation_stiffness
        self._velocity = 0.0
        self._moment, self._across, self._pushing = np.zeros(3), 0.0, 0.0
        self._touched_s: float | None = None
        self._mean = Mean()

    def step(self, m: Measurement, *, is_felt: bool) -> Setpoint:
        """Advance until the wall is felt, then align, then measure."""
        settings, axis = self._settings, self._axis
        push = -self._sign * float(m.force[axis])
        velocity = np.zeros(3)
        if self._touched_s is None:
            self._velocity = min(self._velocity + GUARD_ACCELERATION * m.dt_s, 0.5 * settings.guarded_speed)
            self._p[axis] += self._sign * self._velocity * m.dt_s
            velocity[axis] = self._sign * self._velocity
            if is_felt and push > LEAST_PUSH_N:
                self._touched_s = m.time_s
        else:
            since = m.time_s - self._touched_s
            # The target is moved until the wall pushes back as wanted: it does not run after the plug.
            speed = _PUSH_GAIN * (settings.flush_force_n - push)
            speed = self._sign * min(max(speed, -0.02), 0.01)
            self._p[axis] += speed * m.dt_s
            velocity[axis] = speed
            blend = 1.0 - math.exp(-m.dt_s / 0.02)
            self._moment += blend * (m.moment - self._moment)
            self._across += blend * (float(m.force[1 - axis]) - self._across)
            if abs(self._across) > _ACROSS_N:
                self._p[1 - axis] += _ACROSS_GAIN * self._across * m.dt_s
            # Fast at first; slow in the end, so that it comes to rest where it is flush.
            gain = settings.flush_gain * (1.0 + 1.0 * max(0.0, 1.0 - 1.5 * since / settings.flush_s))
            rates = np.clip(gain * _TURN_SHARES * self._moment, -_MOST_TURN, _MOST_TURN)
            rates[axis] = 0.0
            if math.sqrt(float(m.force @ m.force)) > _EASE_N:
                rates *= 0.2
            self.turn = rates
            self._rotvec = self._rotvec + rates * m.dt_s
            if since > settings.flush_s:
                self._mean.add(m)
            if since > settings.flush_s + settings.measure_s:
                self.felt = self._mean.felt(self._begun, is_contact=True)
            elif since > 0.15 and self._pushing < 0.5 * settings.contact_force_n:
                # Nothing pushes back: it was a false alarm.
                self.false_alarms += 1
                self._touched_s, self._velocity = None, 0.0
        self._pushing += 0.05 * (push - self._pushing)
        return Setpoint(self._p.copy(), self._rotvec.copy(), self._stiffness, velocity=velocity)


class Enter(Motion):
    """Down into the opening, soft across it, until deep enough or until the plug stands on something."""

    def __init__(self, m: Measurement, start: Place, rim_m: float, depth_m: float, settings: TouchSettings) -> None:
        """Begin.

        Args:
            m: Now.
            start: Above the opening.
            rim_m: Depth of the tip at which the plug would stand on the land, m.
            depth_m: Where the tip is to go, m.
            settings: Of the sequence.
        """
        self._settings, self._rim_m, self._depth_m = settings, rim_m, depth_m
        self._begun = m.p.copy()
        self._p, self._rotvec = start.p.copy(), start.rotvec.copy()
        soft, turn = settings.soft_stiffness, settings.rotation_stiffness
        self._stiffness = np.array([soft, soft, settings.stiffness, turn, turn, turn])
        self._velocity = 0.0
        self._force, self._moment = np.zeros(3), np.zeros(3)
        self._stopped_s: float | None = None
        self.is_above = True
        self._mean = Mean()

    def step(self, m: Measurement, *, is_felt: bool) -> Setpoint:
        """Advance, giving way across; hold and measure where it ends."""
        settings = self._settings
        blend = 1.0 - math.exp(-m.dt_s / 0.02)
        self._force += blend * (m.force - self._force)
        self._moment += blend * (m.moment - self._moment)
        if self._stopped_s is not None:
            self.turn = np.zeros(3)
            since = m.time_s - self._stopped_s
            if since > settings.settle_s:
                self._mean.add(m)
            if since > settings.settle_s + settings.measure_s:
                self.felt = self._mean.felt(self._begun, is_contact=m.depth_m < self._depth_m - 5.0e-4)
            return Setpoint(self._p, self._rotvec, self._stiffness)
        is_inside = m.depth_m > self._rim_m + 1.5e-3
        self.is_above = m.depth_m < self._rim_m - 2.0e-4
        speed = settings.enter_speed if is_inside else 0.75 * settings.guarded_speed
        self._velocity = min(self._velocity + GUARD_ACCELERATION * m.dt_s, speed)
        for k in (0, 1):
            off = float(self._force[k])
            if abs(off) > _ACROSS_N and m.depth_m > self._rim_m - 5.0e-4:
                self._p[k] += _ACROSS_GAIN * off * m.dt_s
        if is_inside:
            # Only what clearly resists turns the plug: it has room, and a small bias would lean it on a wall.
            beyond = np.sign(self._moment) * np.maximum(np.abs(self._moment) - _DEAD_BAND_NM, 0.0)
            rates = np.clip(settings.flush_gain * beyond, -_MOST_TURN, _MOST_TURN)
            self.turn = rates
            self._rotvec = self._rotvec + rates * m.dt_s
        push = settings.press_force_n + (1.0 if is_inside else 0.0)
        # Never further ahead than the push allows: what stops the plug feels no more than that.
        most = m.depth_m + push / settings.stiffness
        wanted = self._p[2] + self._velocity * m.dt_s
        is_stopped = wanted > most and m.speed < 3.0e-3
        self._p[2] = min(wanted, max(most, self._p[2] - 1.0e-4), self._depth_m)
        if is_stopped or m.depth_m > self._depth_m - 2.0e-4:
            self._stopped_s = m.time_s
        return Setpoint(
            self._p.copy(), self._rotvec.copy(), self._stiffness, velocity=np.array([0.0, 0.0, self._velocity])
        )
