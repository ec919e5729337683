"""Calibrate where the plug's tip is in the gripper by touching a block: observation in, compliance set-point out.

From rest above the block, corner after corner of the plug is brought on its top and two of its sides, each with the
plug tilted so that one corner leads by more than the grasp can be wrong. After every touch the tip is known better, and
the next touch begins nearer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cablecell.core.config.touch import TouchSettings
from cablecell.core.control.command import ComplianceCommand
from cablecell.core.fusion.contact import ContactDetector
from cablecell.core.fusion.plug_touch import FaceTouch, TouchedTip, leading_corner, touched
from cablecell.core.fusion.touch.evidence import unloaded_tip
from cablecell.core.geometry import Array, exp_so3, invert_pose, log_so3, make_pose
from cablecell.core.insertion.kernels import see_tip, warm_up
from cablecell.core.insertion.observation import Observation, PoseEstimate
from cablecell.core.insertion.phase import Measurement
from cablecell.core.insertion.touch_motion import Felt, Guarded, Motion, Place, Rest, Travel
from cablecell.core.insertion.touch_outcome import TouchOutcome

_TILT_RAD = 0.13
"""Of the plug while it touches: more than twice what the grasp may be turned."""
_DEPTH_M = 0.003
"""Below the top of the block at which its sides are touched."""
_GAP_M = 0.0015
"""Between corner and face where a guarded move begins, beyond three standard deviations of where the corner is."""
_LIFT_M = 0.006
_OVERSHOOT_M = 0.003
_BACK_M = 0.0015
"""Straight back from a face before anything else: what is pressed on it would rub along it."""
_MISFIT_SIGMAS = 5.0
_MOST_BUMPS = 4
_SPEED_BLEND, _OVER_SAMPLES = 0.1, 3
_LEAVING_S, _LEAST_FREE = 0.06, 25
"""How long after the begin of a guarded move the plug is surely free, and samples that make a new tare."""

_Z = np.array([0.0, 0.0, 1.0])
GENTLE = TouchSettings(free_turn=0.8, free_acceleration=0.9)
"""Moves so slow that a plug with its cable, turned by 0.26 rad between touches, does not feel like a touch."""
_LEANS = (
    (_Z, np.array([1.0, 1.0, 0.0])),
    (_Z, np.array([-1.0, -1.0, 0.0])),
    (_Z, np.array([1.0, -1.0, 0.0])),
    (np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 1.0])),
    (np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, -1.0])),
    (np.array([0.0, 1.0, 0.0]), np.array([-1.0, 0.0, 1.0])),
    (np.array([0.0, 1.0, 0.0]), np.array([-1.0, 0.0, -1.0])),
)
"""Touches: direction into a face of the block, and the axes about which the plug leans. Tip first against sides."""


@dataclass(frozen=True)
class ReferenceBlock:
    """A block with a flat top and sides.

    Attributes:
        pose: In `base_link`: origin in the middle of its top, z into it.
        half_m: Half of its size along x and y, shape (2,), m.
    """

    pose: PoseEstimate
    half_m: Array


@dataclass(frozen=True)
class PlugTouchResult:
    """What a calibration by touch came to.

    Attributes:
        outcome: FOUND where all touches were felt and agree.
        reason: One sentence with value, limit and unit.
        state: Tip and block; as believed before for an outcome that is not FOUND.
        touches: Touches felt.
        duration_s: From the first step to the decision, s.
        peak_force_n: Largest force felt, N.
    """

    outcome: TouchOutcome
    reason: str
    state: TouchedTip
    touches: int
    duration_s: float
    peak_force_n: float


@dataclass(frozen=True)
class PlugTouchStep:
    """Output of one step.

    Attributes:
        command: Set-point for the controller.
        result: Set once the sequence has ended and the plug is back above the block.
    """

    command: ComplianceCommand
    result: PlugTouchResult | None


class PlugTouch:
    """One calibration; `step` once per control period, from rest in free space above the block."""

    def __init__(
        self,
        corners: Array,
        block: ReferenceBlock,
        tip: PoseEstimate,
        detector: ContactDetector,
        settings: TouchSettings = GENTLE,
    ) -> None:
        """Begin.

        Args:
            corners: Of the parts at the plug's front, in the axes of its tip, shape (n, 3), m.
            block: What is touched.
            tip: The tip as believed, in `tcp`.
            detector: Of contacts.
            settings: Of guarded moves; their time limit is that of every touch.
        """
        warm_up()
        self._corners, self._block, self._tip = corners, block, tip
        self._settings, self._detector = settings, detector
        self._X_block_base = invert_pose(block.pose.X)
        self._prior = TouchedTip.believed(tip.X, tip.covariance, block.pose.X, block.pose.covariance)
        self.state = self._prior
        self._touches: list[FaceTouch] = []
        self._motion: Motion | None = None
        self._aim: tuple[Place, Array, float, Array] | None = None
        self._pressed = _Z
        self._worst, self._bumps = 0.0, 0
        self._load, self._bias = np.zeros(6), np.zeros(6)
        self._tare_sum, self._tare_count, self._tare_from_s = np.zeros(6), 0, 0.0
        self._last_p, self._velocity, self._last_s = np.zeros(3), np.zeros(3), 0.0
        self._start_s: float | None = None
        self._begun_s = 0.0
        self._peak_n, self._over = 0.0, 0
        self._result: PlugTouchResult | None = None

    def step(self, observation: Observation, twist_base: Array) -> PlugTouchStep:
        """Return the set-point of this period.

        Args:
            observation: What is seen; its wrench with as little filtering as the sensor allows.
            twist_base: Measured twist of the tcp in `base_link`, shape (6,), m/s, rad/s.
        """
        R = observation.X_base_tcp[:3, :3]
        reading = self._detector.update(observation.time_s, observation.wrench_tcp, twist_base, R)
        m = self._measure(observation)
        if self._start_s is None:
            self._start_s = self._begun_s = m.time_s
            self._motion = Rest(m, self._settings)
        motion = self._motion
        assert motion is not None
        if self._result is None:
            self._guard(motion, m)
        if self._motion is motion and motion.felt is not None and (self._result is None):
            self._next(motion, motion.felt, m, observation)
        if self._motion is not motion:
            self._detector.reset()
            self._tare_sum, self._tare_count, self._tare_from_s = np.zeros(6), 0, m.time_s
        motion = self._motion
        assert motion is not None
        self._tare(motion, observation)
        alarms = motion.false_alarms
        setpoint = motion.step(m, is_felt=reading.is_contact)
        if motion.false_alarms > alarms:
            self._detector.reset()
        command = setpoint.to_command(observation.time_s, self._block.pose.X, self._tip.X, self._load)
        if motion.turn.any() or motion.turn_change.any():
            turned = exp_so3(setpoint.rotvec).T
            twist, acceleration = command.twist.copy(), command.acceleration.copy()
            twist[3:], acceleration[3:] = turned @ motion.turn, turned @ motion.turn_change
            command = replace(command, twist=twist, acceleration=acceleration)
        is_back = self._result is not None and motion.felt is not None
        return PlugTouchStep(command, self._result if is_back else None)

    def _measure(self, observation: Observation) -> Measurement:
        dt_s = observation.time_s - self._last_s if self._start_s is not None else 0.0
        self._last_s = observation.time_s
        p, R, speed, force, moment, _ = see_tip(
            self._X_block_base,
            observation.X_base_tcp,
            self._tip.X,
            observation.wrench_tcp,
            self._bias,
            self._last_p,
            self._velocity,
            dt_s,
            _SPEED_BLEND,
        )
        return Measurement(observation.time_s, dt_s, p, log_so3(R), speed, force, moment)

    def _guard(self, motion: Motion, m: Measurement) -> None:
        limit_n, force_n = self._settings.force_limit_n, float(np.linalg.norm(m.force))
        if isinstance(motion, Guarded):
            self._peak_n = max(self._peak_n, force_n)
            self._over = self._over + 1 if force_n > limit_n else 0
        if self._over >= _OVER_SAMPLES:
            self._end(TouchOutcome.OVER_FORCE, f"{force_n:.1f} N in a touch; the limit is {limit_n} N", m)
        elif m.time_s - self._begun_s > self._settings.time_limit_s:
            self._end(TouchOutcome.UNSURE, f"a touch took longer than {self._settings.time_limit_s} s", m)

    def _tare(self, motion: Motion, observation: Observation) -> None:
        """Tare anew on the way to every touch."""
        if not isinstance(motion, Guarded) or motion.is_touching or motion.false_alarms:
            return
        if observation.time_s - self._tare_from_s < _LEAVING_S:
            return
        self._tare_sum += observation.wrench_tcp
        self._tare_count += 1
        if self._tare_count >= _LEAST_FREE:
            self._bias = self._tare_sum / self._tare_count

    def _next(self, motion: Motion, felt: Felt, m: Measurement, observation: Observation) -> None:
        if isinstance(motion, Rest):
            R = (self._X_block_base @ observation.X_base_tcp)[:3, :3]
            force, moment = R.T @ motion.wrench[:3], R.T @ motion.wrench[3:]
            self._load = motion.load
            self._bias = np.concatenate((force, moment + np.cross(self._tip.X[:3, 3], force)))
            self._aim_at_next(m)
        elif isinstance(motion, Travel):
            assert self._aim is not None
            if felt.is_contact:  # what swings on the tool may feel like it: once more, from a rest higher up
                self._bumps += 1
                if self._bumps > _MOST_BUMPS:
                    self._end(TouchOutcome.UNSURE, f"{np.linalg.norm(felt.force):.1f} N on the way to a touch", m)
                else:
                    self._pressed = _Z
                    self._aim_at_next(m)
                return
            start, direction, limit_m, _ = self._aim
            self._motion = Guarded(m, start, direction, limit_m, self._settings)
        elif not felt.is_contact:
            self._end(TouchOutcome.NOTHING, f"touch {len(self._touches) + 1} met nothing", m)
        else:
            self._take_in(felt)
            self._aim_at_next(m)

    def _aim_at_next(self, m: Measurement) -> None:
        """Go from here above the block to where the next touch begins, or be done."""
        number = len(self._touches)
        if number == len(_LEANS):
            self._end(TouchOutcome.FOUND, f"{number} touches agree", m)
            return
        direction, axes = _LEANS[number]
        R = exp_so3(_TILT_RAD * axes)
        X_block_tip = make_pose(R, [0.0, 0.0, 0.0])
        corner = leading_corner(self._corners, X_block_tip, direction)
        is_top = direction is _Z
        side = np.append(self._block.half_m, 0.0)
        goal = np.zeros(3) if is_top else _DEPTH_M * _Z - direction * float(direction @ side)
        gap_m = _GAP_M + 3.0 * self._sigma_along(R @ corner, R, direction)
        p = goal - R @ corner - gap_m * direction
        # What the controller moves is the tip as believed at first.
        X = X_block_tip.copy()
        X[:3, 3] = p
        X = X @ invert_pose(self.state.X_tcp_tip) @ self._tip.X
        start = Place(X[:3, 3], log_so3(X[:3, :3]))
        height = -_LIFT_M - float(np.max(self._corners @ R.T[:, 2]))
        back = Place(m.p - _BACK_M * self._pressed, m.rotvec.copy())
        up = Place(np.array([back.p[0], back.p[1], min(back.p[2], height)]), m.rotvec.copy())
        over = Place(np.array([start.p[0], start.p[1], height]), start.rotvec)
        self._aim = (start, direction, 2.0 * gap_m + _OVERSHOOT_M, corner)
        self._begun_s = m.time_s
        self._motion = Travel(m, [back, up, over, start], self._settings)

    def _sigma_along(self, corner: Array, R: Array, direction: Array) -> float:
        """Return the standard deviation of a corner along a direction, m; `corner` is turned into the block's axes."""
        d = R.T @ direction
        row = np.concatenate([d, np.cross(R.T @ corner, d)])
        block = self.state.covariance[6:9, 6:9]
        return math.sqrt(float(row @ self.state.tip_covariance @ row) + float(direction @ block @ direction))

    def _take_in(self, felt: Felt) -> None:
        assert self._aim is not None
        direction, corner = self._aim[1], self._aim[3]
        X_base_block = self._block.pose.X
        X_base_tip = X_base_block @ make_pose(exp_so3(felt.rotvec), felt.p)
        R = X_base_block[:3, :3]
        X_base_loose = unloaded_tip(
            X_base_tip @ invert_pose(self._tip.X),
            self._tip.X,
            R @ felt.force,
            R @ felt.moment,
            stiffness=self._settings.grasp_stiffness,
            rotation_stiffness=self._settings.grasp_rotation_stiffness,
        ) @ invert_pose(self._tip.X)
        offset_m = -float(np.abs(direction[:2]) @ self._block.half_m)
        self._touches.append(FaceTouch(X_base_loose, direction, offset_m, corner))
        self.state, misfits = touched(self._prior, self._touches, self._settings.touch_sigma_m)
        self._worst = float(misfits.max())
        self._pressed = direction

    def _end(self, outcome: TouchOutcome, reason: str, m: Measurement) -> None:
        assert self._start_s is not None
        count = len(self._touches)
        if outcome is TouchOutcome.FOUND and self._worst > _MISFIT_SIGMAS:
            outcome = TouchOutcome.UNSURE
            reason = f"a touch is {self._worst:.1f} standard deviations off, limit {_MISFIT_SIGMAS}"
        state = self.state if outcome is TouchOutcome.FOUND else self._prior
        self._result = PlugTouchResult(outcome, reason, state, count, m.time_s - self._start_s, self._peak_n)
        back = Place(m.p - _BACK_M * self._pressed, m.rotvec.copy())
        self._motion = Travel(m, [back, Place(back.p - 2.0 * _LIFT_M * _Z, m.rotvec.copy())], self._settings)


def front_corners(centres: Sequence[Array], sizes: Sequence[Array], depth_m: float = 0.0045) -> Array:
    """Return the corners, shape (n, 3), of a plug's boxes that lie no farther than a depth behind its tip."""
    signs = np.array([[i, j, k] for i in (-1.0, 1.0) for j in (-1.0, 1.0) for k in (-1.0, 1.0)])
    corners = np.vstack([np.asarray(c) + 0.5 * np.asarray(s) * signs for c, s in zip(centres, sizes, strict=True)])
    return np.asarray(corners[corners[:, 2] > -depth_m])
