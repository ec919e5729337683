"""Finding the opening: dip a corner or a nose into it, go to two of its walls, and stand upright between them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from cablecell.core.config.touch import TouchSettings
from cablecell.core.geometry import Array, exp_so3
from cablecell.core.insertion.phase import Measurement, Setpoint
from cablecell.core.insertion.touch_motion import GUARD_ACCELERATION, LEAST_PUSH_N, Mean, Motion, Place, advance
from cablecell.core.insertion.touch_probe import Probe, place_of

_FORCE_BLEND_S = 0.012
"""Time constant of the forces that are followed."""

_KEEP_SPEED, _REST_SPEED = 0.01, 0.012
"""Speed of the set-point that keeps a plug at the walls, and speed below which it has come to rest there, m/s."""

_DROP_M = 4.0e-4
"""Depth below the land at which a corner surely is in the opening."""

_NOSE_DROP, _FALL_SPEED = 0.6, 0.007
"""Drop of a nose, as a share of its depth, that counts; speed at which the push follows what drops, m/s."""

_BLOCKED_N = 2.0
"""Force beyond friction that tells a wall from the land."""

_PRESS_S = 0.12
"""Time in which the push on the land grows before it is slid on."""

_PITCH_M = 3.0e-3
"""Of the spiral on which a corner or a nose looks for the opening: that is far wider than this."""

_SLIDE_LIMIT_M = 0.0145
"""Longest way to a wall: beyond it there is none."""

_YAW_GAIN, _DEAD_BAND_NM, _YAW_RATE = 5.0, 0.006, 0.3
"""Turn about the axis per moment, rad/(s*N*m), what it does not answer to, N*m, and its most, rad/s."""

_SINK_SPEED, _DEEPEST_M = 0.014, 1.9e-3
"""How fast a corner goes down on its way to the walls, m/s, and how far below the land at most, m."""

_LIGHT_N = 1.0
"""Push of a nose on its way to the walls."""

_SURE_S, _SLIDE_LIMIT_S = 0.05, 1.2
"""How long both walls have to push back, and how long that is waited for."""

_PRELOAD_N = 1.2
"""Push on either wall while the plug is turned upright."""

_EASE_NM, _EASE_N = 0.1, 4.0
"""Moment about the axis and force from which turning it upright slows down; at twice as much it waits."""

_UPRIGHT_RATE, _UPRIGHT_LIMIT_S = 1.0, 1.4
"""Highest angular speed of that, rad/s, and the longest it may take, s."""


class FindOpening(Motion):
    """From above the land: down, along it if need be, to two walls, upright; `felt` is of the upright plug there.

    `is_inside` is False where no opening was found. What it takes is bounded by the length of its ways.
    """

    def __init__(
        self,
        m: Measurement,
        start: Place,
        probe: Probe,
        land_m: float,
        upright: Array,
        friction: float,
        settings: TouchSettings,
        *,
        is_landed: bool,
    ) -> None:
        """Begin.

        Args:
            m: Now, of the tip.
            start: Above the place where the probe is to go down.
            probe: What feels.
            land_m: Depth of the probe on the land, m; of a nose only where it stands, which may be inside.
            upright: Rotation vector of the tip to end with, shape (3,), rad.
            friction: Largest coefficient between plug and port.
            settings: Of the sequence.
            is_landed: True when the plug already stands on something.
        """
        self._settings, self._probe, self._friction = settings, probe, friction
        self._begun = m.p.copy()
        self._tilted, self._upright = start.rotvec.copy(), upright.copy()
        self._rotvec = start.rotvec.copy()
        self._base, self._yaw = start.rotvec.copy(), 0.0
        self._at = start.p + exp_so3(start.rotvec) @ probe.point
        if is_landed:
            self._at[2] += settings.press_force_n / settings.stiffness
        self._land_m, self._deep_m = land_m, land_m + probe.depth_m
        # A nose may go in until the body lands, or, where that was tapped or fits, with it.
        self._deepest_m = probe.length_m + _DEEPEST_M
        self._stage = "press" if is_landed else "down"
        self._since_s = m.time_s
        self._velocity = 0.0
        self._force, self._moment = np.zeros(3), np.zeros(3)
        self._angle, self._centre = 0.0, self._at.copy()
        self._turned = 0.0
        self._moved_m = 0.0
        self._pushed_s = m.time_s
        self._mean = Mean()
        k, turn = settings.stiffness, settings.rotation_stiffness
        self._stiffness = np.array([k, k, k, turn, turn, turn])
        self.is_inside = False
        self.has_landed = is_landed

    @property
    def stage(self) -> str:
        """What is being done, in a word."""
        return self._stage

    @property
    def is_free(self) -> bool:
        """True while nothing is touched yet: the wrench can be tared."""
        return self._stage == "down"

    def step(self, m: Measurement, *, is_felt: bool) -> Setpoint:
        """Go on by one period."""
        blend = 1.0 - math.exp(-m.dt_s / _FORCE_BLEND_S)
        self._force += blend * (m.force - self._force)
        self._moment += blend * (m.moment - self._moment)
        at = m.p + exp_so3(m.rotvec) @ self._probe.point
        velocity = np.zeros(3)
        self.turn = np.zeros(3)
        if self._stage == "down":
            self._down(m, at, velocity, is_felt=is_felt)
        elif self._stage == "press":
            self._press(m, at)
            if m.time_s - self._since_s > _PRESS_S:
                self._land_m = float(at[2])
                self._deep_m = self._land_m + self._probe.depth_m
                self._centre = self._at.copy()
                self._go("roam", m)
        elif self._stage == "roam":
            self._roam(m, at, velocity)
        elif self._stage == "slide":
            self._slide(m, at, velocity)
        elif self._stage == "upright":
            self._stand_up(m, velocity)
        elif self._stage == "hold":
            pushes = self._push_on_walls(m, at, velocity, _KEEP_SPEED)
            self._follow_yaw(m)
            since = m.time_s - self._since_s
            if since > self._settings.settle_s:
                self._mean.add(m)
            if since <= self._settings.settle_s + self._settings.measure_s:
                pass
            elif self._probe.is_nose and not self._is_at_both(pushes, 0.0):
                # What pushed back at one of the walls was friction on the other: there is a way to go yet.
                self._mean = Mean()
                self._go("slide", m)
            else:
                self.is_inside = True
                self.felt = self._mean.felt(self._begun, is_contact=True)
        self._rotvec = self._base + np.array([0.0, 0.0, self._yaw])
        p = place_of(self._probe, self._at, self._rotvec)
        lever = self._at - p
        velocity = velocity - np.cross(self.turn, lever)
        acceleration = -np.cross(self.turn_change, lever)
        return Setpoint(p, self._rotvec.copy(), self._stiffness, velocity=velocity, acceleration=acceleration)

    def _go(self, stage: str, m: Measurement) -> None:
        self._stage, self._since_s = stage, m.time_s
        self._velocity = 0.0

    def _fail(self, m: Measurement) -> None:
        self._mean.add(m)
        self.felt = self._mean.felt(self._begun, is_contact=True)

    def _down(self, m: Measurement, at: Array, velocity: Array, *, is_felt: bool) -> None:
        settings = self._settings
        self._velocity = min(self._velocity + GUARD_ACCELERATION * m.dt_s, settings.guarded_speed)
        velocity[2] = self._velocity
        self._at[2] = min(self._at[2] + self._velocity * m.dt_s, self._deep_m)
        if is_felt and -float(m.force[2]) > LEAST_PUSH_N:
            self.has_landed = True
            # A corner either has its far sides on the land, or stands on it before the opening, or beyond it.
            self._go("press" if self._probe.is_nose else "slide", m)
        elif self._at[2] >= self._deep_m:
            self._go("slide", m)

    def _press(self, m: Measurement, at: Array) -> None:
        """Keep the target below the probe by what the push needs, never deeper than wanted."""
        ahead = self._settings.search_force_n / self._settings.stiffness
        # What drops is not to be thrown at what it lands on next.
        self._at[2] = min(float(at[2]) + ahead, self._deep_m + ahead, self._at[2] + _FALL_SPEED * m.dt_s)

    def _roam(self, m: Measurement, at: Array, velocity: Array) -> None:
        settings = self._settings
        self._press(m, at)
        r = _PITCH_M * self._angle / (2.0 * math.pi)
        ramp = min((m.time_s - self._since_s) / 0.08, 1.0)
        speed = ramp * settings.search_speed
        self._angle += speed * m.dt_s / max(math.hypot(r, _PITCH_M / (2.0 * math.pi)), 2.0e-4)
        x, y = r * math.cos(self._angle), r * math.sin(self._angle)
        new = self._centre[:2] + np.array([x, y])
        velocity[:2] = (new - self._at[:2]) / max(m.dt_s, 1.0e-4)
        self._at[:2] = new
        # Where the plug is held back the target waits: the force stays bounded.
        leash = (_BLOCKED_N + self._friction * settings.search_force_n + 1.0) / settings.stiffness
        off = self._at[:2] - at[:2]
        far = float(np.linalg.norm(off))
        if far > leash:
            self._at[:2] = at[:2] + off * leash / far
            velocity[:2] = 0.0
        drop = float(at[2]) - self._land_m
        side = math.hypot(float(self._force[0]), float(self._force[1]))
        push = max(-float(self._force[2]), 0.0)
        is_dropped = drop > _NOSE_DROP * self._probe.depth_m
        is_blocked = side > _BLOCKED_N + self._friction * push and m.time_s - self._since_s > 0.03
        if is_dropped or is_blocked:
            if is_blocked:
                self._deep_m = float(at[2])
            self._go("slide", m)
        elif r > settings.search_radius_m:
            self._fail(m)

    def _slide(self, m: Measurement, at: Array, velocity: Array) -> None:
        settings = self._settings
        self._sink(m, at)
        self._velocity = min(self._velocity + 2.0 * GUARD_ACCELERATION * m.dt_s, settings.slide_speed)
        pushes = self._push_on_walls(m, at, velocity, self._velocity)
        self._moved_m += self._velocity * m.dt_s
        if max(pushes) > 0.5 * settings.corner_force_n:
            self._follow_yaw(m)
        if not self._is_at_both(pushes, 0.5 * settings.corner_force_n) or m.speed > _REST_SPEED:
            self._pushed_s = m.time_s
        if m.time_s - self._pushed_s > _SURE_S:
            if not self._probe.is_nose and float(at[2]) < self._land_m + _DROP_M:
                self._fail(m)
            else:
                self._go("hold" if self._probe.is_nose else "upright", m)
                # The corner is held where it is, on the walls and at this depth.
                preload = _PRELOAD_N / settings.stiffness
                down = _LIGHT_N / settings.stiffness if self._probe.is_nose else 0.0
                self._at = at + np.array([self._probe.signs[0] * preload, self._probe.signs[1] * preload, down])
        elif self._moved_m > _SLIDE_LIMIT_M or m.time_s - self._since_s > _SLIDE_LIMIT_S:
            self._fail(m)

    def _push_on_walls(self, m: Measurement, at: Array, velocity: Array, speed: float) -> list[float]:
        """Lead the probe to both walls with a bounded push; return what they push back with, N."""
        settings, pushes = self._settings, []
        for k in (0, 1):
            sign = float(self._probe.signs[k])
            # What the plug rubs on the land with is pushed on top.
            rub = self._friction * max(-float(self._force[2]), 0.0) if self._stage == "slide" else 0.0
            ahead = (settings.corner_force_n + rub) / settings.stiffness
            self._at[k], is_held = advance(float(self._at[k]), float(at[k]), speed * m.dt_s, ahead, sign)
            velocity[k] = 0.0 if is_held else sign * speed
            pushes.append(-sign * float(self._force[k]))
        return pushes

    def _is_at_both(self, pushes: list[float], least_n: float) -> bool:
        land_n = max(-float(self._force[2]), 0.0) if self._probe.is_nose else 0.0
        return all(walls_felt(pushes, self._friction, least_n, land_n))

    def _sink(self, m: Measurement, at: Array) -> None:
        """Press, and go down as far as the far sides let it, but not where there is no port."""
        # A nose was in the opening, or it would not have dropped or been blocked: its body is not to rub on the land.
        push = _LIGHT_N if self._probe.is_nose else self._settings.sink_force_n
        ahead = push / self._settings.stiffness
        wanted = self._at[2] + _SINK_SPEED * m.dt_s
        self._at[2] = min(wanted, float(at[2]) + ahead, self._land_m + self._deepest_m)

    def _follow_yaw(self, m: Measurement) -> None:
        """Turn about the axis as the walls want it: a long edge that lies askew climbs out of the opening."""
        beyond = math.copysign(max(abs(float(self._moment[2])) - _DEAD_BAND_NM, 0.0), float(self._moment[2]))
        rate = min(max(_YAW_GAIN * beyond, -_YAW_RATE), _YAW_RATE)
        self._yaw += rate * m.dt_s
        self.turn[2] += rate

    def _stand_up(self, m: Measurement, velocity: Array) -> None:
        """Turn about the corner, which stays where it is: on a minimum-jerk profile that waits where it is hard."""
        force, moment = float(np.linalg.norm(self._force)), abs(float(self._moment[2]))
        hard = max(force / _EASE_N, moment / _EASE_NM) - 1.0
        pace = 1.0 - min(max(hard, 0.0), 1.0)
        way = self._upright - self._tilted
        duration_s = 1.875 * float(np.linalg.norm(way)) / _UPRIGHT_RATE
        self._turned = min(1.0, self._turned + pace * m.dt_s / duration_s)
        s = self._turned
        self._base = self._tilted + way * (s * s * s * (10.0 + s * (-15.0 + 6.0 * s)))
        rate = 30.0 * s * s * (1.0 - s) * (1.0 - s) / duration_s * pace
        bend = 60.0 * s * (1.0 - s) * (1.0 - 2.0 * s) / duration_s**2 * pace * pace
        self._follow_yaw(m)
        self.turn = self.turn + way * rate
        self.turn_change = way * bend
        if self._turned >= 1.0:
            self.turn_change = np.zeros(3)
            self._go("hold", m)
        elif m.time_s - self._since_s > _UPRIGHT_LIMIT_S:
            self._fail(m)


def walls_felt(pushes: Sequence[float], friction: float, least_n: float, land_n: float = 0.0) -> tuple[bool, bool]:
    """Return which of two walls, one across x and one across y, are known to be touched.

    A wall pushes back with more than the friction on the other one, and on the land, could.

    Args:
        pushes: What pushes back along x and y, N.
        friction: Largest coefficient.
        least_n: What a wall pushes back with at least, N.
        land_n: Push on the land, N.
    """
    x, y = pushes
    return x > max(least_n, friction * (abs(y) + land_n)), y > max(least_n, friction * (abs(x) + land_n))
