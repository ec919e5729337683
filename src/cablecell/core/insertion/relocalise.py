"""Find a port by touching it: observation in, compliance set-point out, one typed outcome with an estimate at the end.

Tap the land, find the opening with a corner or a nose, go in, and turn the plug from side to side: a plug that is held
between two sides is felt far above all noise, and the arm's own encoders say where that is. The estimate is of the port
relative to the believed tip, which is what an insertion needs: an error of the grasp is in it.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from cablecell.core.config.touch import TouchSettings
from cablecell.core.fusion.contact import ContactDetector
from cablecell.core.fusion.touch.estimator import Touch, TouchEstimator
from cablecell.core.fusion.touch.evidence import unloaded_tip
from cablecell.core.fusion.touch.geometry import TouchGeometry
from cablecell.core.geometry import Array, exp_so3, invert_pose, make_pose
from cablecell.core.insertion.observation import Observation, PoseEstimate
from cablecell.core.insertion.phase import Measurement
from cablecell.core.insertion.touch_choice import Choice, side_names
from cablecell.core.insertion.touch_enter import Enter
from cablecell.core.insertion.touch_lean import Lean, lean_turns
from cablecell.core.insertion.touch_motion import Felt, Guarded, Motion, Place, Rest, Still, Travel
from cablecell.core.insertion.touch_open import FindOpening, walls_felt
from cablecell.core.insertion.touch_outcome import TouchOutcome, TouchResult, TouchStep
from cablecell.core.insertion.touch_probe import make_probe, place_of
from cablecell.core.insertion.touch_sense import TouchSense

_RETREAT_M = 6.0e-3
_ABOVE_M, _MOST_ABOVE_M = 1.0e-3, 7.0e-3
_MOST_MISSES, _MOST_OPENINGS = 2, 3
_SHIFT_M = 3.2e-3
"""How far along the port's y the opening is looked for next: the room along y is the smaller one."""

_WIDE_M = 2.7e-4
"""Clearance from which a plug is put in at full speed."""

_NOSE_SHARE = 0.35
"""Share of a nose's length by which it has to go down to have stood on the land."""

_LEAST_SHARE = 0.4
"""Share of the push on the walls of a corner from which one counts as touched."""

_BODY_IN_M = 4.0e-4
"""Depth below the land at which it is the body of the plug that stands between the walls, not its nose."""

_FRICTION_FACTOR = 1.6
"""How much rougher a port may be than its file says."""

_MISFIT = 5.0
"""Standard deviations by which a gap may be off for the estimate to be believed."""

_DOWN = np.array([0.0, 0.0, 1.0])


class Relocaliser:
    """One touch sequence; `step` once per control period, from rest in free space in front of the believed port."""

    def __init__(
        self,
        geometry: TouchGeometry,
        settings: TouchSettings,
        detector: ContactDetector,
        port: PoseEstimate,
        tip: PoseEstimate,
    ) -> None:
        """Begin.

        Args:
            geometry: Of the connector.
            settings: Of the sequence.
            detector: Of contacts.
            port: The port as believed; its covariance is that relative to the tip, so the grasp's error is in it.
            tip: The tip as believed, in `tcp`.
        """
        self._geometry, self._settings = geometry, settings
        self._detector = detector
        self._port, self._tip = port, tip
        self._sense = TouchSense(port, tip)
        self._estimator = TouchEstimator(geometry, port, tip)
        self._probe = make_probe(geometry, settings)
        self._motion: Motion | None = None
        self._load = np.zeros(6)
        self._start_s: float | None = None
        self._touches, self._misses, self._openings = 0, 0, 0
        self._land_m, self._rim_m, self._is_depth_open = 0.0, 0.0, False
        self._aim, self._shift_m = np.zeros(2), 0.0
        self._guess = np.zeros(3)
        self._entered = np.zeros(3)
        self._leans: list[tuple[Array, tuple[int, int]]] = []
        self._choice: Choice | None = None
        self._chosen_m = 0.0
        self._lean_turns: list[Array] = []
        self._result: TouchResult | None = None
        self._is_cancelled = False
        self.doing = "rest"
        self.log: list[tuple[str, float, Felt]] = []

    @property
    def estimator(self) -> TouchEstimator:
        """What is known."""
        return self._estimator

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
        sense = self._sense
        reading = self._detector.update(
            observation.time_s, observation.wrench_tcp, twist_base, observation.X_base_tcp[:3, :3]
        )
        m = sense.see(observation)
        if self._start_s is None:
            self._start_s = m.time_s
            self._motion = Rest(m, self._settings)
        if self._result is None:
            self._guard(m)
        assert self._motion is not None
        if self._motion.felt is not None:
            if self._result is None:
                m = self._next(m)
            self._detector.reset()
        sense.learn_free(self._motion, is_free=self._motion.is_free)
        alarms = self._motion.false_alarms
        setpoint = self._motion.step(m, is_felt=reading.is_contact)
        if self._motion.false_alarms > alarms:
            self._detector.reset()
        command = setpoint.to_command(observation.time_s, self._port.X, sense.X_tcp_comp, self._load)
        if self._motion.turn.any() or self._motion.turn_change.any():
            R = exp_so3(setpoint.rotvec)
            twist, acceleration = command.twist.copy(), command.acceleration.copy()
            twist[3:], acceleration[3:] = R.T @ self._motion.turn, R.T @ self._motion.turn_change
            command = replace(command, twist=twist, acceleration=acceleration)
        is_back = self._result is not None and self._motion.felt is not None
        return TouchStep(command, self.doing, self._result if is_back else None)

    def _guard(self, m: Measurement) -> None:
        settings = self._settings
        assert self._start_s is not None
        limit = settings.force_limit_n
        # In the air it is inertia that is felt; what is run into ends a move there by itself.
        is_over = not isinstance(self._motion, (Travel, Rest)) and self._sense.is_over(m, limit)
        if self._is_cancelled:
            self._end(TouchOutcome.CANCELLED, f"cancelled while {self.doing}")
        elif is_over:
            self._end(TouchOutcome.OVER_FORCE, f"more than {limit} N while {self.doing}")
        elif m.time_s - self._start_s > settings.time_limit_s:
            self._end(TouchOutcome.UNSURE, f"not sure after {settings.time_limit_s} s")

    # What comes next -----------------------------------------------------------------------------------------

    def _next(self, m: Measurement) -> Measurement:
        """Choose the next move; return the measurement it begins with."""
        motion = self._motion
        assert motion is not None
        felt = motion.felt
        assert felt is not None
        self.log.append((self.doing, m.time_s, felt))
        if isinstance(motion, Rest):
            self._load = motion.load
            self._sense.tare(motion.wrench)
            self._tap(m)
        elif isinstance(motion, Travel):
            self._after_travel(motion, m)
        elif isinstance(motion, Guarded) and self._choice is not None:
            self._after_second_tap(felt, m)
        elif isinstance(motion, Guarded):
            self._after_tap(felt, m)
        elif isinstance(motion, FindOpening):
            self._after_opening(motion, felt, m)
        elif isinstance(motion, Enter):
            return self._after_enter(felt, m)
        elif isinstance(motion, Lean):
            self._after_lean(motion, felt, m)
        elif self.doing == "choose":
            return self._after_choice(m)
        else:
            self._conclude(m)
        return self._sense.again()

    def _tap(self, m: Measurement) -> None:
        geometry = self._geometry
        above = _ABOVE_M + min(2.0 * math.sqrt(float(self._port.covariance[2, 2])), _MOST_ABOVE_M)
        self._tap_limit_m = 2.2 * above + geometry.nose_m + 2.0e-3
        start = np.array([self._aim[0], self._aim[1], geometry.rim_m - geometry.nose_m - above])
        self._go_to(Place(start, np.zeros(3)), m)
        self.doing = "tap"

    def _go_to(self, place: Place, m: Measurement) -> None:
        """Travel to a place: up first where the way there would lead across the port."""
        self._place = place
        up = Place(np.array([m.p[0], m.p[1], min(m.p[2], place.p[2])]), m.rotvec.copy())
        places = [up, place] if m.p[2] > place.p[2] + 1.0e-3 else [place]
        self._motion = Travel(m, places, self._settings)

    def _after_travel(self, motion: Travel, m: Measurement) -> None:
        settings = self._settings
        assert motion.felt is not None
        if motion.felt.is_contact:
            self._touches += 1
            if not self._is_used_up():
                # It ran into something on its way: back up, and go on from there.
                up = Place(m.p - 4.0e-3 * _DOWN, m.rotvec.copy())
                self._motion = Travel(m, [up, self._place], settings)
            return
        if self.doing == "tap":
            self._motion = Guarded(m, self._place, _DOWN, self._tap_limit_m, settings)
        elif self.doing == "tap again":
            self._motion = Guarded(m, self._place, _DOWN, self._chosen_m, settings)
        else:
            self._open(m, is_landed=False)

    def _after_tap(self, felt: Felt, m: Measurement) -> None:
        if not felt.is_contact:
            self._misses += 1
            if self._misses >= _MOST_MISSES:
                limit = 1e3 * self._tap_limit_m
                self._end(TouchOutcome.NOTHING, f"{self._misses} taps of {limit:.1f} mm found no land")
                return
            # It may have gone into the opening: half a plug aside there is land.
            self._aim = 0.5 * self._geometry.front[[1, 3]]
            self._tap(m)
            return
        self._touch(felt, ("+z",), self._settings.land_sigma_m)
        self._land_m = float(felt.p[2])
        self._aim = np.zeros(2)
        self._look(m)

    def _look(self, m: Measurement) -> None:
        """Look for the opening: a nose from where it stands, a corner from above."""
        self._openings += 1
        self.doing = "open"
        if self._probe.is_nose and self._openings == 1:
            self._place = Place(m.p.copy(), m.rotvec.copy())
            self._open(m, is_landed=True)
            return
        shift = self._shift_m * self._probe.signs[1]
        at = np.array([self._aim[0], self._aim[1] + shift, self._land_m - self._settings.lift_m])
        start = Place(place_of(self._probe, at, self._probe.rotvec), self._probe.rotvec)
        self._place = start
        up = Place(np.array([m.p[0], m.p[1], self._land_m - self._settings.lift_m]), m.rotvec.copy())
        self._motion = Travel(m, [up, start], self._settings)

    def _open(self, m: Measurement, *, is_landed: bool) -> None:
        friction = _FRICTION_FACTOR * self._geometry.friction
        self._motion = FindOpening(
            m, self._place, self._probe, self._land_m, np.zeros(3), friction, self._settings, is_landed=is_landed
        )

    def _after_opening(self, motion: FindOpening, felt: Felt, m: Measurement) -> None:
        geometry, probe = self._geometry, self._probe
        if motion.has_landed and not (probe.is_nose and self._openings == 1):
            self._touches += 1
        if not motion.is_inside:
            if self._openings >= _MOST_OPENINGS:
                self._end(TouchOutcome.UNSURE, f"no opening found in {self._openings} places")
            elif not self._is_used_up():
                # Beside the opening: what has landed was beyond it, as it slid on; what met nothing was before it.
                if not self._guess.any():
                    back = -1.0 if motion.has_landed else 1.0
                    self._shift_m = back * _SHIFT_M if not self._shift_m else -self._shift_m
                self._look(m)
            return
        settings = self._settings
        self._touch(felt, self._walls_of(felt), settings.touch_sigma_m if probe.is_nose else settings.corner_sigma_m)
        # Where the nose went down since the tap, it was on the land; otherwise it was inside, and the body on the land.
        stood_on_nose = probe.is_nose and float(felt.p[2]) - self._land_m > _NOSE_SHARE * geometry.nose_m
        self._rim_m = self._land_m + (geometry.nose_m if stood_on_nose else 0.0)
        is_body_in = float(felt.p[2]) > self._rim_m + _BODY_IN_M
        # A nose that has gone deeper than it is long may have begun on the land, or inside with the body on it.
        self._is_depth_open = probe.is_nose and is_body_in
        room = geometry.clearance if is_body_in else probe.room
        middle = felt.p[:2] - np.array(probe.signs) * room
        self._guess = np.array([middle[0], middle[1], self._rim_m - geometry.rim_m])
        goal = self._rim_m + geometry.engaged_m - geometry.rim_m
        self.doing = "enter"
        # A close fit jams sooner, and with more: it is gone into more slowly.
        pace = min(1.0, float(geometry.clearance.min()) / _WIDE_M)
        self._motion = Enter(m, m.rotvec, middle, self._rim_m, goal, self._settings, pace=pace)

    def _after_enter(self, felt: Felt, m: Measurement) -> Measurement:
        geometry = self._geometry
        depth = float(felt.p[2]) - self._rim_m
        if depth < 0.5 * (geometry.engaged_m - geometry.rim_m):
            self._touches += 1
            if self._openings >= _MOST_OPENINGS:
                self._end(TouchOutcome.UNSURE, f"stuck {1e3 * depth:.1f} mm deep in the opening")
            elif not self._is_used_up():
                self._aim = self._guess[:2].copy()
                self._look(m)
            return m
        self._middle_m = -0.5 * depth
        m = self._sense.move_about(self._middle_m)
        sx, sy = self._probe.signs
        tilt, yaw = self._offsets_rad = lean_turns(geometry, depth)
        aside = np.array([tilt, tilt, 0.0])
        base = felt.rotvec + np.array([0.0, 0.0, yaw])
        self._leans = [(base + aside, (sx, sy)), (base + aside, (-sx, -sy))]
        self._leans += [(base - aside, (-sx, -sy)), (base - aside, (sx, sy))]
        self._entered = felt.rotvec
        # In the opening the plug is within its room of the middle.
        self._guess[:2] = felt.p[:2]
        self._lean(m)
        return m

    def _lean(self, m: Measurement) -> None:
        rotvec, signs = self._leans.pop(0)
        self.doing = "lean " + " ".join(side_names(signs))
        self._motion = Lean(m, rotvec, signs, self._settings)

    def _after_lean(self, motion: Lean, felt: Felt, m: Measurement) -> None:
        if not felt.is_contact:
            self._end(TouchOutcome.UNSURE, f"no sides in {1e3 * motion.way_m:.1f} mm while {self.doing}")
            return
        self._touch(felt, side_names(motion.signs), self._settings.touch_sigma_m)
        self._lean_turns.append(felt.rotvec)
        # Where the sides have turned the plug back, they will again: it went in askew.
        off = felt.rotvec - motion.wanted
        self._leans = [(rotvec + off, signs) for rotvec, signs in self._leans]
        if self._leans:
            self._lean(m)
            return
        if self._choice is not None:
            self._estimator.again()
            self._think(m)
            return
        tilt, yaw = self._offsets_rad
        ways = [(0, 0, 0), (0, 0, 2), (0, 0, -1), (1, 1, 0), (1, -1, 0), (-1, 1, 0), (-1, -1, 0)]
        starts = [(self._guess, self._entered + np.array([tilt, tilt, yaw]) * way) for way in ways]
        if self._is_depth_open:
            # What was tapped may have been the body as well as the nose.
            other = self._geometry.nose_m if self._rim_m == self._land_m else -self._geometry.nose_m
            starts.append((self._guess + other * _DOWN, self._entered))
        self._estimator.guess(starts, np.mean(self._lean_turns, axis=0))
        self._think(m)

    def _think(self, m: Measurement) -> None:
        self.doing = "think"
        self._motion = Still(m, self._estimator.refine, lambda: self._estimator.is_converged, self._settings)

    def _walls_of(self, felt: Felt) -> tuple[str, ...]:
        least, friction = _LEAST_SHARE * self._settings.corner_force_n, _FRICTION_FACTOR * self._geometry.friction
        are_felt = walls_felt([abs(float(f)) for f in felt.force[:2]], friction, least)
        return tuple(side for side, is_felt in zip(side_names(self._probe.signs), are_felt, strict=True) if is_felt)

    # What was felt -------------------------------------------------------------------------------------------

    def _touch(self, felt: Felt, sides: tuple[str, ...], sigma_m: float) -> None:
        self._touches += 1
        X_prior_tcp = make_pose(exp_so3(felt.rotvec), felt.p) @ invert_pose(self._sense.X_tcp_comp)
        settings = self._settings
        X = unloaded_tip(
            X_prior_tcp,
            self._sense.X_tcp_comp,
            felt.force,
            felt.moment,
            stiffness=settings.grasp_stiffness,
            rotation_stiffness=settings.grasp_rotation_stiffness,
        )
        X = X @ invert_pose(self._sense.X_tcp_comp) @ self._tip.X
        self._estimator.add(Touch(X, sides, sigma_m))

    def _conclude(self, m: Measurement) -> None:
        settings = self._settings
        sigma = np.sqrt(np.diag(self._estimator.estimate(m.time_s).covariance))
        off = float(np.abs(self._estimator.misfits()).max())
        known = f"{1e3 * sigma[:3].max():.3f} mm and {sigma[3:].max():.4f} rad after {self._touches} touches"
        is_sure = sigma[:3].max() < settings.position_goal_m and sigma[3:].max() < settings.rotation_goal_rad
        if off > _MISFIT:
            self._end(TouchOutcome.UNSURE, f"one face is {off:.1f} standard deviations off; the limit is {_MISFIT}")
        elif is_sure:
            self._end(TouchOutcome.FOUND, f"known to {known}")
        elif self._touches < settings.touch_limit and self.doing == "think" and self._chosen_m == 0.0:
            tip = self._sense.move_about(0.0).p
            self._sense.move_about(self._middle_m)
            leaned = np.mean(self._lean_turns, axis=0)
            left = settings.touch_limit - self._touches
            choice = Choice(self._estimator, self._geometry, settings, tip, self._offsets_rad, leaned, left)
            self._choice = choice
            self.doing = "choose"
            self._motion = Still(m, choice.work, lambda: choice.is_done, settings)
        else:
            goals = f"{1e3 * settings.position_goal_m:.3f} mm and {settings.rotation_goal_rad:.4f} rad"
            self._end(TouchOutcome.UNSURE, f"known to {known}, goals {goals}")

    def _after_choice(self, m: Measurement) -> Measurement:
        """Make the touch that tells most: a lean at another turn, or a tap of the land beside the opening."""
        assert self._choice is not None
        chosen = self._choice.best
        assert chosen is not None
        if chosen.signs is None:
            self.doing = "tap again"
            self._chosen_m = chosen.reach_m
            m = self._sense.move_about(0.0)
            self._place = chosen.start
            out = m.p.copy()
            out[2] = min(chosen.start.p[2], m.p[2])
            self._motion = Travel(m, [Place(out, m.rotvec.copy()), chosen.start], self._settings)
            return m
        m = self._sense.move_about(self._middle_m)
        self._leans = [(chosen.rotvec, chosen.signs)]
        self._lean(m)
        return m

    def _after_second_tap(self, felt: Felt, m: Measurement) -> None:
        if not felt.is_contact:
            self._end(TouchOutcome.UNSURE, f"no land in {1e3 * self._chosen_m:.1f} mm beside the opening")
            return
        self._touch(felt, ("+z",), self._settings.land_sigma_m)
        self._estimator.again()
        self._think(m)

    def _is_used_up(self) -> bool:
        if self._touches < self._settings.touch_limit:
            return False
        self._end(TouchOutcome.UNSURE, f"not found after {self._touches} touches")
        return True

    def _end(self, outcome: TouchOutcome, reason: str) -> None:
        assert self._start_s is not None
        m = self._sense.move_about(0.0)
        self._result = TouchResult(
            outcome,
            reason,
            self._estimator.estimate(m.time_s),
            self._touches,
            m.time_s - self._start_s,
            self._sense.peak_n,
        )
        self.doing = "retreat"
        out = m.p.copy()
        out[2] = min(m.p[2], self._geometry.rim_m - self._geometry.nose_m + self._guess[2]) - _RETREAT_M
        self._motion = Travel(m, [Place(out, m.rotvec.copy())], self._settings)
