"""Find a port by touching it: observation in, compliance set-point out, one typed outcome with an estimate at the end.

From in front of the believed port: touch the land, feel for the opening with a corner or the nose of the plug, enter,
and align with two sides. What is touched next is what is expected to tell most in its time (`TouchPlanner`). The
estimate is of the port relative to the believed tip, which is what an insertion needs: an error of the grasp is in it.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from cablecell.core.config.touch import TouchSettings
from cablecell.core.fusion.contact import ContactDetector
from cablecell.core.fusion.touch.evidence import Contact, Evidence, FreeMove
from cablecell.core.fusion.touch.geometry import TouchGeometry
from cablecell.core.fusion.touch.particles import DOUBT, TouchFilter
from cablecell.core.fusion.touch.planner import FEEL_M, OFF_WALL_M, TILTED_CLEAR_M, Action, Kind, TouchPlanner
from cablecell.core.geometry import Array, exp_so3, invert_pose, log_so3, make_pose
from cablecell.core.insertion.kernels import see_tip, warm_up
from cablecell.core.insertion.observation import Observation, PoseEstimate
from cablecell.core.insertion.phase import Measurement
from cablecell.core.insertion.touch_enter import Align, Enter
from cablecell.core.insertion.touch_evidence import EvidenceMaker
from cablecell.core.insertion.touch_motion import Felt, Guarded, Motion, Place, Rest, Travel
from cablecell.core.insertion.touch_outcome import TouchOutcome, TouchResult, TouchStep

_SPEED_BLEND = 0.1
_OVER_SAMPLES = 3
_RETREAT_M = 6.0e-3
_LEAVING_S, _LEAST_FREE = 0.06, 25
"""How long after the begin of a move the plug is surely free, and samples that make a new tare."""

_MOST_RETRIES = 2
"""How often the filter begins anew when it is sure of a place that does not explain what was felt."""

_SOFT_LANDING_M = 2.5e-4
"""Error of where a plug lands that was soft across its way."""

_PRESSED_M = 2.0e-4
"""How far back from a side that a plug is pressed on it is taken to have been free."""

_MOST_MISSES = 3
"""Taps without a land before there is taken to be nothing: the first may have gone into the opening."""
_BACK_UP_M = 4.0e-3
_DIPPED_M = 3.5e-4
"""Depth below the land that tells a corner in the opening from one on the land."""


class Relocaliser:
    """One touch sequence; `step` once per control period, from rest in free space in front of the believed port."""

    def __init__(
        self,
        geometry: TouchGeometry,
        settings: TouchSettings,
        detector: ContactDetector,
        port: PoseEstimate,
        tip: PoseEstimate,
        *,
        seed: int = 0,
    ) -> None:
        """Begin.

        Args:
            geometry: Of the connector.
            settings: Of the sequence.
            detector: Of contacts.
            port: The port as believed; its covariance is that relative to the tip, so the grasp's error is in it.
            tip: The tip as believed, in `tcp`.
            seed: Of the particles.
        """
        warm_up()
        self._geometry, self._settings = geometry, settings
        self._detector = detector
        self._port, self._tip = port, tip
        self._X_prior_base = invert_pose(port.X)
        self._filter = TouchFilter(
            geometry,
            port,
            math.sqrt(float(np.trace(tip.covariance[3:, 3:])) / 3.0),
            count=settings.particles,
            moves=settings.moves,
            floor_m=settings.floor_m,
            floor_rad=settings.floor_rad,
            rng=np.random.default_rng(seed),
        )
        self._planner = TouchPlanner(geometry, settings, self._filter)
        self._maker = EvidenceMaker(geometry, settings, port, tip)
        half = 0.5 * (geometry.engaged_m - geometry.rim_m)
        self._X_tip_middle = make_pose(np.eye(3), [0.0, 0.0, -half])
        self._half_m = half
        self._X_tcp_comp = tip.X
        self._motion: Motion | None = None
        self._action: Action | None = None
        self._todo: list[str] = []
        self._side: tuple[Place, Array] | None = None
        self._load, self._bias = np.zeros(6), np.zeros(6)
        self._tcp_bias = np.zeros(6)
        self._taring: Motion | None = None
        self._taring_s, self._free_sum, self._free_count = 0.0, np.zeros(6), 0
        self._last_p, self._velocity = np.zeros(3), np.zeros(3)
        self._last_s = 0.0
        self._start_s: float | None = None
        self._peak_n, self._over = 0.0, 0
        self._touches = 0
        self._is_low, self._misses, self._retries = False, 0, 0
        self._aligned_axes: set[str] = set()
        self._last_direction = np.array([0.0, 0.0, 1.0])
        self._side_to_align: str | None = None
        self._result: TouchResult | None = None
        self._is_cancelled = False
        self.doing = "rest"
        self.log: list[tuple[str, float, Evidence | None]] = []

    @property
    def estimate(self) -> PoseEstimate:
        """The port as believed now, relative to the believed tip."""
        return self._filter.estimate(self._last_s)

    def cancel(self) -> None:
        """Give up at the next step and back off."""
        self._is_cancelled = True

    # One step ------------------------------------------------------------------------------------------------

    def step(self, observation: Observation, twist_base: Array) -> TouchStep:
        """Return the set-point of this period.

        Args:
            observation: What is seen; its wrench with as little filtering as the sensor allows.
            twist_base: Measured twist of the tcp in `base_link`, shape (6,), m/s, rad/s.
        """
        reading = self._detector.update(
            observation.time_s, observation.wrench_tcp, twist_base, observation.X_base_tcp[:3, :3]
        )
        m = self._measure(observation)
        if self._start_s is None:
            self._start_s = m.time_s
            self._motion = Rest(m, self._settings)
        if self._result is None:
            self._guard(m)
        assert self._motion is not None
        if self._motion.felt is not None:
            self._next(observation, m)
            if self._side_to_align is not None:
                m = self._measure(observation, is_again=True)
                self._begin_align(m, self._side_to_align)
            self._detector.reset()
        self._learn_free(observation)
        alarms = self._motion.false_alarms
        setpoint = self._motion.step(m, is_felt=reading.is_contact)
        if self._motion.false_alarms > alarms:
            self._detector.reset()
        command = setpoint.to_command(observation.time_s, self._port.X, self._X_tcp_comp, self._load)
        if self._motion.turn.any() or self._motion.turn_change.any():
            R = exp_so3(setpoint.rotvec)
            twist, acceleration = command.twist.copy(), command.acceleration.copy()
            twist[3:], acceleration[3:] = R.T @ self._motion.turn, R.T @ self._motion.turn_change
            command = replace(command, twist=twist, acceleration=acceleration)
        is_back = self._result is not None and self._motion.felt is not None
        return TouchStep(command, self.doing, self._result if is_back else None)

    def _learn_free(self, observation: Observation) -> None:
        """Tare anew on the way to a touch: a drift of 0.1 N at the sensor is 0.02 N*m at a long plug's tip."""
        motion = self._motion
        if motion is not self._taring:
            self._taring, self._free_sum, self._free_count = motion, np.zeros(6), 0
            self._taring_s = observation.time_s
        is_free = (isinstance(motion, Guarded) and not motion.is_touching and not motion.false_alarms) or (
            isinstance(motion, Enter) and motion.is_above
        )
        if not is_free or observation.time_s - self._taring_s < _LEAVING_S:
            return
        self._free_sum += observation.wrench_tcp
        self._free_count += 1
        if self._free_count >= _LEAST_FREE:
            self._tcp_bias = self._free_sum / self._free_count

    def _measure(self, observation: Observation, *, is_again: bool = False) -> Measurement:
        dt_s = observation.time_s - self._last_s if self._start_s is not None and not is_again else 0.0
        self._last_s = observation.time_s
        p, R, speed, force, moment, _ = see_tip(
            self._X_prior_base,
            observation.X_base_tcp,
            self._X_tcp_comp,
            observation.wrench_tcp,
            self._tcp_bias,
            self._last_p,
            self._velocity,
            dt_s,
            _SPEED_BLEND,
        )
        return Measurement(observation.time_s, dt_s, p, log_so3(R), speed, force, moment)

    def _guard(self, m: Measurement) -> None:
        settings = self._settings
        assert self._start_s is not None
        force = math.sqrt(float(m.force @ m.force))
        # In the air it is inertia that is felt; what is run into ends a move there by itself.
        if not isinstance(self._motion, (Travel, Rest)):
            self._peak_n = max(self._peak_n, force)
            self._over = self._over + 1 if force > settings.force_limit_n else 0
        if self._is_cancelled:
            self._end(TouchOutcome.CANCELLED, f"cancelled while {self.doing}", m)
        elif self._over >= _OVER_SAMPLES:
            limit = settings.force_limit_n
            self._end(TouchOutcome.OVER_FORCE, f"{force:.1f} N while {self.doing}; the limit is {limit} N", m)
        elif m.time_s - self._start_s > settings.time_limit_s:
            self._end(TouchOutcome.UNSURE, f"not sure after {settings.time_limit_s} s", m)

    # What to do next -----------------------------------------------------------------------------------------

    def _next(self, observation: Observation, m: Measurement) -> None:
        motion = self._motion
        assert motion is not None
        felt = motion.felt
        assert felt is not None
        if self._result is not None:
            return
        if isinstance(motion, Rest):
            self._load = motion.load
            self._tcp_bias = self._as_tcp(motion.wrench, observation)
            self._decide(m)
        elif isinstance(motion, Travel):
            self._after_travel(motion, m)
        elif isinstance(motion, Align):
            self._after_align(motion, m)
        elif isinstance(motion, Enter):
            self._after_enter(motion, m)
        else:
            assert isinstance(motion, Guarded)
            self._after_guarded(motion, m)

    def _as_tcp(self, wrench: Array, observation: Observation) -> Array:
        """Return a wrench about the tip in the prior's axes as one at the tcp in tcp axes."""
        R = (self._X_prior_base @ observation.X_base_tcp)[:3, :3]
        f, moment = R.T @ wrench[:3], R.T @ wrench[3:]
        return np.concatenate((f, moment + np.cross(self._tip.X[:3, 3], f)))

    def _decide(self, m: Measurement) -> None:
        """Choose the next touch from outside."""
        if self._is_sure(m) or self._is_used_up(m):
            return
        action = self._planner.choose(m.p, m.rotvec, last=self._last_direction if self._is_low else None)
        self._action = action
        self.doing = action.kind.value
        if action.kind is Kind.FEEL:
            self._motion = Travel(m, [Place(action.p, action.rotvec)], self._settings)
            return
        lift = self._lift(m)
        places = [] if lift is None else [lift]
        X = self._frame()
        # Above the land first, then over, then down: nothing is swept across the port.
        over = action.p.copy()
        if lift is not None:
            along = float(X[:3, 2] @ (lift.p - action.p))
            over = action.p + X[:3, 2] * min(along, 0.0)
        self._motion = Travel(m, [*places, Place(over, action.rotvec), Place(action.p, action.rotvec)], self._settings)

    def _lift(self, m: Measurement) -> Place | None:
        X = self._frame()
        local = X[:3, :3].T @ (m.p - X[:3, 3])
        top = self._geometry.rim_m - self._geometry.nose_m - self._settings.lift_m
        if local[2] <= top:
            return None
        return Place(m.p + X[:3, 2] * (top - local[2]), m.rotvec.copy())

    def _after_travel(self, motion: Travel, m: Measurement) -> None:
        action, settings = self._action, self._settings
        assert action is not None
        assert motion.felt is not None
        if motion.felt.is_contact:
            # It ran into something on its way: back up, and think again.
            self._touches += 1
            self._is_low = False
            X = self._frame()
            if self._is_used_up(m):
                return
            self.doing = "back up"
            self._motion = Travel(m, [Place(m.p - _BACK_UP_M * X[:3, 2], m.rotvec.copy())], settings)
            return
        if self.doing == "back up":
            self._decide(m)
            return
        start = Place(action.p, action.rotvec)
        if self._side is not None:
            start, direction = self._side
            self._side = None
            self._motion = Guarded(m, start, direction, FEEL_M + 4.0e-3, settings)
            return
        if action.kind is Kind.ENTER:
            X, geometry = self._frame(), self._geometry
            local_rim = float(self._along(X, geometry.rim_m))
            self._motion = Enter(m, start, local_rim, float(self._along(X, geometry.engaged_m)), settings)
            return
        self._motion = Guarded(m, start, action.direction, action.limit_m, settings)

    def _off(self, motion: Guarded, felt: Felt, X: Array) -> Array:
        """Return how far the plug goes back from what it touched before it is moved another way, shape (3,), m."""
        if not felt.is_contact or motion.direction @ X[:3, 2] > 0.9:
            return np.asarray(TILTED_CLEAR_M * X[:3, 2])
        return np.asarray(OFF_WALL_M * motion.direction)

    def _is_dipped(self, action: Action, p: Array, rotvec: Array) -> bool:
        """Return whether what was dipped is probably below the land, inside the opening."""
        geometry, sides = self._geometry, action.sides
        if geometry.nose_m > self._settings.dip_m:
            corner = np.zeros(3)
            depth = geometry.rim_m - geometry.nose_m + _DIPPED_M
        else:
            corner = np.array([geometry.front[1 if sides[0] > 0 else 0], geometry.front[3 if sides[1] > 0 else 2], 0.0])
            depth = geometry.rim_m + _DIPPED_M
        at = exp_so3(rotvec) @ self._filter.turn @ corner + p
        particles = self._filter.particles
        inside = [(exp_so3(e[3:6]).T @ (at - e[:3]))[2] > depth for e in particles[:: max(1, len(particles) // 100)]]
        return bool(np.mean(inside) > 0.5)

    def _along(self, X: Array, depth_m: float) -> float:
        """Return the depth in the prior's frame of a depth in the port."""
        return float((X[:3, :3] @ np.array([0.0, 0.0, depth_m]) + X[:3, 3])[2])

    def _after_guarded(self, motion: Guarded, m: Measurement) -> None:
        felt, action = motion.felt, self._action
        assert felt is not None
        assert action is not None
        self._is_low = felt.is_contact or self.doing != "tap"
        if felt.is_contact:
            self._touches += 1
            self._take(self._contact(felt, motion.direction))
            self._last_direction = motion.direction
            if self.doing == "dip":
                is_inside = self._is_dipped(action, felt.p, felt.rotvec)
                self._todo = ["x", "y"] if is_inside else []
        else:
            self._take(self._maker.free(felt, motion.direction, self._filter.aligned))
            if self.doing == "tap":
                self._misses += 1
                if self._misses >= _MOST_MISSES:
                    limit = 1e3 * action.limit_m
                    self._end(TouchOutcome.NOTHING, f"{self._misses} taps of {limit:.1f} mm found no land", m)
                    return
            if self.doing == "dip":
                self._todo = ["x", "y"] if action.sides[0] else []
        if self._todo and not self._is_over_budget():
            axis = "xy".index(self._todo.pop(0))
            X = self._frame()
            direction = action.sides[axis] * X[:3, axis]
            self.doing = "feel " + "xy"[axis]
            # A little up: what carried the plug is not to be rubbed on.
            place = Place(felt.p - self._off(motion, felt, X), action.rotvec.copy())
            self._side = (place, direction)
            self._motion = Travel(m, [place], self._settings)
            return
        self._decide(m)

    def _after_enter(self, motion: Enter, m: Measurement) -> None:
        felt = motion.felt
        assert felt is not None
        X, geometry = self._frame(), self._geometry
        depth = float((X[:3, :3].T @ (felt.p - X[:3, 3]))[2])
        if felt.is_contact and depth < geometry.rim_m + 1.5e-3:
            self._touches += 1
            contact = self._contact(felt, X[:3, 2])
            # It gave way across while it went down: along a straight line it might have landed elsewhere.
            self._take(replace(contact, sigma_m=_SOFT_LANDING_M))
            self._is_low, self._last_direction = True, X[:3, 2]
            self._decide(m)
            return
        tip = self._maker.unloaded(felt, self._X_tcp_comp)
        direction = self._port.X[:3, :3] @ X[:3, 2]
        self._take(FreeMove(tip, direction, _PRESSED_M, 1.5e-4))
        half = 0.5 * max(depth - geometry.rim_m, 1.0e-3)
        self._half_m = half
        self._X_tip_middle = make_pose(np.eye(3), [0.0, 0.0, -half])
        sides = list(self._geometry.faces)
        # The nearer of two opposite sides would do; a straight one is needed, and the way is short.
        self._todo = [side for side in ("+x", "+y", "-x", "-y") if side in sides]
        self._todo = self._one_per_axis(self._todo)
        self._align(self._todo.pop(0))

    @staticmethod
    def _one_per_axis(sides: list[str]) -> list[str]:
        found: dict[str, str] = {}
        for side in sides:
            found.setdefault(side[1], side)
        return list(found.values())

    def _align(self, side: str) -> None:
        self.doing = "align " + side
        self._X_tcp_comp = self._tip.X @ self._X_tip_middle
        self._side_to_align = side

    def _begin_align(self, m: Measurement, side: str) -> None:
        self._side_to_align = None
        sign = 1.0 if side[0] == "+" else -1.0
        self._motion = Align(m, "xy".index(side[1]), sign, self._settings)

    def _after_align(self, motion: Align, m: Measurement) -> None:
        felt = motion.felt
        assert felt is not None
        side = self.doing.split()[1]
        self._touches += 1
        self._aligned_axes.add(side[1])
        axis, sign = "xy".index(side[1]), 1.0 if side[0] == "+" else -1.0
        contact = self._contact(felt, sign * self._frame()[:3, axis])
        self._take(replace(contact, travel_m=_PRESSED_M))
        self._take(self._maker.flush(felt, side, self._frame(), self._half_m, self._X_tcp_comp))
        if self._is_sure(m) or self._is_used_up(m):
            return
        if not self._todo:
            self._todo = self._once_more(side)
        if self._todo:
            self._align(self._todo.pop(0))
            return
        self._X_tcp_comp = self._tip.X
        m = self._at_tip(m)
        self._is_low = False
        self._decide(m)

    def _once_more(self, side: str) -> list[str]:
        """Return the side that would tell most of what is not known well enough yet; none where that is the depth."""
        sigma = np.sqrt(np.diag(self._filter.covariance))
        if sigma[2] > self._settings.position_goal_m:
            return []
        # A side along x shows the turn about y, and the other way round; both show the turn about z.
        axis = "x" if sigma[4] + sigma[0] * 50.0 > sigma[3] + sigma[1] * 50.0 else "y"
        other = ("-" if side[0] == "+" else "+") + axis
        return [one for one in (other, "+" + axis, "-" + axis) if one in self._geometry.faces][:1]

    def _at_tip(self, m: Measurement) -> Measurement:
        p = m.p + exp_so3(m.rotvec) @ np.array([0.0, 0.0, self._half_m])
        self._last_p = p.copy()
        return Measurement(m.time_s, m.dt_s, p, m.rotvec, m.speed, m.force, m.moment)

    # Evidence ------------------------------------------------------------------------------------------------

    def _frame(self) -> Array:
        """Return the port as estimated, in the prior's frame, shape (4, 4)."""
        return self._filter.frame

    def _contact(self, felt: Felt, direction: Array) -> Contact:
        return self._maker.contact(felt, direction, self._filter.aligned, self._X_tcp_comp)

    def _take(self, evidence: Evidence) -> None:
        log = self._filter.add(evidence)
        self.log.append((self.doing, log, evidence))

    # Ends ----------------------------------------------------------------------------------------------------

    def _is_over_budget(self) -> bool:
        return self._touches >= self._settings.touch_limit

    def _is_sure(self, m: Measurement) -> bool:
        sigma = np.sqrt(np.diag(self._filter.estimate(m.time_s).covariance))
        settings = self._settings
        if {side[1] for side in self._geometry.faces} - self._aligned_axes:
            return False  # the turns have not been felt yet, whatever the filter makes of the rest
        if sigma[:3].max() > settings.position_goal_m or sigma[3:].max() > settings.rotation_goal_rad:
            return False
        if self._filter.misfits() and self._retries < _MOST_RETRIES:
            self._retries += 1
            self._filter.begin_anew()
            return self._is_sure(m)
        if self._filter.misfits():
            return False
        self._end(
            TouchOutcome.FOUND,
            f"known to {1e3 * sigma[:3].max():.3f} mm and {sigma[3:].max():.4f} rad after {self._touches} touches",
            m,
        )
        return True

    def _is_used_up(self, m: Measurement) -> bool:
        if not self._is_over_budget():
            return False
        sigma = np.sqrt(np.diag(self._filter.estimate(m.time_s).covariance))
        self._end(
            TouchOutcome.UNSURE,
            f"{1e3 * sigma[:3].max():.3f} mm and {sigma[3:].max():.4f} rad after {self._touches} touches, "
            f"goals {1e3 * self._settings.position_goal_m:.3f} mm and {self._settings.rotation_goal_rad:.4f} rad",
            m,
        )
        return True

    def _end(self, outcome: TouchOutcome, reason: str, m: Measurement) -> None:
        assert self._start_s is not None
        port = self._filter.estimate(m.time_s)
        # What is not explained makes the whole less sure, in what is reported, too.
        port = replace(port, covariance=port.covariance * (1.0 + DOUBT * self._filter.misfits()))
        self._result = TouchResult(
            outcome,
            reason,
            port,
            self._touches,
            m.time_s - self._start_s,
            self._peak_n,
        )
        self.doing = "retreat"
        if self._X_tcp_comp is not self._tip.X:
            m = self._at_tip(m)
            self._X_tcp_comp = self._tip.X
        X = self._frame()
        local = X[:3, :3].T @ (m.p - X[:3, 3])
        out = m.p + X[:3, 2] * (self._geometry.rim_m - self._geometry.nose_m - _RETREAT_M - local[2])
        self._motion = Travel(m, [Place(out, m.rotvec.copy())], self._settings)
