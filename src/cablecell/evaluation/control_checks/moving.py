"""The arm in motion: how exactly it follows, how smooth a slow stream becomes, how it stops when its source dies."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from cablecell.core.control.command import (
    ComplianceCommand,
    JointMotionUpdate,
    MotionUpdate,
    TargetMode,
    TrajectoryMode,
)
from cablecell.core.control.trajectory import JointTrajectory, Tolerances
from cablecell.core.geometry import Array
from cablecell.core.motion.collision import RobotGeometry
from cablecell.core.motion.moves import MovePlanner
from cablecell.core.motion.scene import Scene
from cablecell.core.motion.timing import LineLimits
from cablecell.core.motion.trajectory import MotionLimits
from cablecell.evaluation.control_checks.check import Check, Row, gains
from cablecell.evaluation.control_rig import DT_S, ControlRig, robot
from cablecell.ports import CommandMode

SPEED = 0.05
"""Speed at which tracking is measured, m/s."""
_AT_REST_M = 2.0e-4
"""Distance from where the tool ends within which it has come to rest, m."""


def _direction(rng: np.random.Generator) -> Array:
    """Return a direction in which there is room from home: sideways and upwards."""
    angle = rng.uniform(0.0, 2.0 * math.pi)
    direction = np.array([math.cos(angle), math.sin(angle), rng.uniform(0.0, 0.6)])
    unit: Array = direction / np.linalg.norm(direction)
    return unit


def _line(t: float, length: float, duration: float) -> tuple[float, float, float]:
    """Return way, speed and acceleration of a minimum-jerk line at a time."""
    s = min(max(t / duration, 0.0), 1.0)
    way = length * s**3 * (10.0 + s * (-15.0 + 6.0 * s))
    speed = length * 30.0 * s * s * (1.0 - s) ** 2 / duration
    return way, speed, length * 60.0 * s * (1.0 - s) * (1.0 - 2.0 * s) / duration**2


def tracking(mode: CommandMode, seed: int, *, is_exact: bool) -> tuple[float, Row]:
    """Stream a line of 100 mm at 50 mm/s; return the largest distance of the tool from the reference, µm.

    An arm that is told positions follows late by what its servos take, so there it is the distance from the line.
    """
    rng = np.random.default_rng([seed, 2])
    rig = ControlRig(mode, seed, is_exact=is_exact)
    length = 0.1
    duration = 1.875 * length / SPEED
    K, to_reference, to_target, to_line, ways = gains(4000.0, 150.0), [0.0], [0.0], [0.0], []
    try:
        rig.tare()
        X0, along = rig.controller.report.X_base_tcp.copy(), _direction(rng)
        R = X0[:3, :3]
        # What lasts of an arm's error is no matter of tracking.
        offset = rig.X_base_tcp()[:3, 3] - X0[:3, 3]
        for i in range(round((duration + 0.3) / DT_S)):
            way, speed, acceleration = _line(i * DT_S, length, duration)
            X = X0.copy()
            X[:3, 3] += along * way
            twist, bend = np.zeros(6), np.zeros(6)
            twist[:3], bend[:3] = R.T @ along * speed, R.T @ along * acceleration
            command = ComplianceCommand(rig.now_s, X, np.eye(4), K, twist=twist, acceleration=bend)
            rig.controller.command_compliance(command, rig.now_s)
            # A command says where to be at its stamp, and so does the reference of its period.
            true = rig.X_base_tcp()[:3, 3] - offset
            rig.tick()
            reference = rig.controller.report.X_base_reference[:3, 3]
            to_reference.append(float(np.linalg.norm(true - reference)))
            to_target.append(float(np.linalg.norm(true - X[:3, 3])))
            moved = true - X0[:3, 3]
            ways.append((float(moved @ along), way))
            to_line.append(float(np.linalg.norm(moved - along * float(moved @ along))))
    finally:
        rig.close()
    found = to_reference if mode is CommandMode.EFFORT else to_line
    lag = max(wanted - way for way, wanted in ways) / SPEED
    notes = {"to_target_um": 1e6 * max(to_target), "to_line_um": 1e6 * max(to_line), "lag_ms": 1e3 * lag}
    return 1e6 * max(found), {**notes, "reference_rms_um": 1e6 * float(np.sqrt(np.mean(np.square(to_reference))))}


def follow_line(mode: CommandMode, seed: int) -> tuple[float, Row]:
    """Follow a planned straight line at 50 mm/s as a joint trajectory; distance from the plan as in `tracking`, µm."""
    rng = np.random.default_rng([seed, 3])
    rig = ControlRig(mode, seed, is_exact=True)
    try:
        rig.tare()
        q, X = rig.state().q.copy(), rig.controller.report.X_base_tcp.copy()
        X[:3, 3] += 0.1 * _direction(rng)
        limits = MotionLimits.uniform(6, velocity=2.0, acceleration=8.0, jerk=80.0)
        moves = MovePlanner(robot(), limits, geometry=RobotGeometry(robot()))
        planned = moves.move_linear(q, X, LineLimits(velocity=SPEED, acceleration=1.0, jerk=10.0), Scene(), 0.0)
        times, positions, velocities, accelerations = planned.sample_every(DT_S)
        trajectory = JointTrajectory(times, positions, velocities, accelerations)
        follower = rig.controller.start_trajectory(trajectory, Tolerances(path=0.1, goal=0.01), q)
        start, end = robot().fk(positions[0])[:3, 3], robot().fk(positions[-1])[:3, 3]
        along = (end - start) / np.linalg.norm(end - start)
        worst, to_line, k = 0.0, 0.0, 0
        while not follower.state.is_final:
            true = rig.X_base_tcp()[:3, 3]
            rig.tick()
            worst = max(worst, float(np.linalg.norm(true - robot().fk(positions[k])[:3, 3])))
            moved = true - start
            to_line = max(to_line, float(np.linalg.norm(moved - along * float(moved @ along))))
            k = min(k + 1, len(positions) - 1)
    finally:
        rig.close()
    found = worst if mode is CommandMode.EFFORT else to_line
    return 1e6 * found, {"to_plan_um": 1e6 * worst, "to_line_um": 1e6 * to_line, "state": follower.state.value}


def _commander(rig: ControlRig, kind: str, along: Array, speed: float) -> Callable[[float], None]:
    """Return a function of time that sends one command of a steady motion."""
    X0, q0 = rig.controller.report.X_base_tcp.copy(), rig.state().q.copy()
    K, D = gains(3000.0, 100.0), gains(150.0, 5.0)
    twist = np.concatenate((along * speed, np.zeros(3)))
    rate = np.zeros(6)
    rate[0] = speed / float(np.hypot(*X0[:2, 3]))

    def send(t: float) -> None:
        now = rig.now_s
        if kind == "pose":
            X = X0.copy()
            X[:3, 3] += along * speed * t
            rig.controller.command_compliance(ComplianceCommand(now, X, np.eye(4), K), now)
        elif kind == "twist":
            quat, none = np.array([0.0, 0.0, 0.0, 1.0]), np.zeros(6)
            update = MotionUpdate(now, "base_link", np.zeros(3), quat, twist, K.ravel(), D.ravel(), none, none, 1)
            rig.controller.command_motion(update, now)
        else:
            mode = TrajectoryMode.POSITION if kind == "joints" else TrajectoryMode.VELOCITY
            stiff, damp = np.full(6, 500.0), np.full(6, 15.0)
            update_j = JointMotionUpdate(now, q0 + rate * t, rate, stiff, damp, np.zeros(0), mode)
            rig.controller.command_joints(update_j, now, rig.state().q)

    return send


def stop(mode: CommandMode, seed: int, *, kind: str, rate_hz: float, speed: float) -> tuple[float, Row]:
    """Let a stream of commands end in the middle of a motion; return the time from its last command to rest, s."""
    rng = np.random.default_rng([seed, 4])
    # A cable swings on, and pulls a compliant arm by half a millimetre after it has stopped.
    rig = ControlRig(mode, seed, has_cable=False)
    try:
        rig.tare()
        if kind.startswith("joint"):
            rig.controller.change_target_mode(TargetMode.JOINT)
            rig.tick()
        send = _commander(rig, kind, _direction(rng), speed)
        every, last_s = round(1.0 / (rate_hz * DT_S)), 0.0
        start, fastest, path = rig.X_base_tcp()[:3, 3], 0.0, []
        for i in range(round(1.8 / DT_S)):
            if i * DT_S < 0.6 and i % every == 0:
                send(i * DT_S)
                last_s = rig.now_s
            rig.tick()
            path.append((rig.now_s, rig.X_base_tcp()[:3, 3]))
            fastest = max(fastest, rig.speed())
            if rig.now_s <= last_s + DT_S:
                last_p = path[-1][1]
    finally:
        rig.close()
    end = path[-1][1]
    rest_s = max(t for t, p in path if np.linalg.norm(p - end) > _AT_REST_M)
    notes = {"way_after_m": float(np.linalg.norm(end - last_p)), "moved_m": float(np.linalg.norm(last_p - start))}
    return rest_s - last_s, {**notes, "fastest_m_per_s": fastest}


def smooth(mode: CommandMode, seed: int, *, rate_hz: float) -> tuple[float, Row]:
    """Stream a sine of poses slowly; return the ripple of the reference's speed: rms, against the sine's, %.

    The lag is taken out; it, and the largest acceleration and jerk of the reference, are noted.
    """
    rng = np.random.default_rng([seed, 5])
    rig = ControlRig(mode, seed)
    amplitude, frequency, seconds = 0.02, 0.5, 6.0
    references = []
    try:
        rig.tare()
        X0, along = rig.controller.report.X_base_tcp.copy(), _direction(rng)
        due_s, period_s = 0.0, 1.0 / rate_hz
        for i in range(round(seconds / DT_S)):
            t = i * DT_S
            if t >= due_s:
                X = X0.copy()
                X[:3, 3] += along * amplitude * 0.5 * (1.0 - math.cos(2.0 * math.pi * frequency * t))
                rig.controller.command_compliance(
                    ComplianceCommand(rig.now_s, X, np.eye(4), gains(3000.0, 100.0)), rig.now_s
                )
                # Messages never come evenly.
                due_s += period_s * rng.uniform(0.9, 1.1)
            rig.tick()
            references.append(float((rig.controller.report.X_base_reference[:3, 3] - X0[:3, 3]) @ along))
    finally:
        rig.close()
    v: Array = np.diff(np.array(references)) / DT_S
    times = (np.arange(v.size) + 1.5) * DT_S
    a = np.diff(v) / DT_S
    jerk = np.diff(a) / DT_S
    peak = amplitude * math.pi * frequency
    inner = times > 1.0
    lags = np.arange(0.0, 0.4, 0.002)
    errors = [
        float(np.sqrt(np.mean((v - peak * np.sin(2.0 * math.pi * frequency * (times - lag)))[inner] ** 2)))
        for lag in lags
    ]
    best = int(np.argmin(errors))
    ripple = 100.0 * errors[best] / (peak / math.sqrt(2.0))
    notes = {
        "lag_ms": 1e3 * float(lags[best]),
        "acceleration": float(np.abs(a).max()),
        "jerk": float(np.abs(jerk).max()),
    }
    return ripple, notes


def moving_checks() -> list[Check]:
    """Return the checks of an arm in motion."""
    effort, position = CommandMode.EFFORT, CommandMode.POSITION
    checks = [
        Check("torque_tracking", "um", 30.0, partial(tracking, effort, is_exact=True)),
        Check("torque_tracking_with_errors", "um", math.inf, partial(tracking, effort, is_exact=False)),
        Check("torque_line", "um", 30.0, partial(follow_line, effort)),
        Check("position_tracking", "um", 30.0, partial(tracking, position, is_exact=True)),
        Check("position_line", "um", 30.0, partial(follow_line, position)),
    ]
    for mode, name in ((effort, "torque"), (position, "position")):
        for kind, rate_hz, speed in (
            ("pose", 500.0, 0.05),
            ("pose", 100.0, 0.25),
            ("pose", 10.0, 0.05),
            ("twist", 100.0, 0.25),
            ("joints", 100.0, 0.25),
            ("joint_rates", 100.0, 0.25),
        ):
            checks.append(
                Check(
                    f"{name}_stop_{kind}_{rate_hz:.0f}hz_{1e3 * speed:.0f}mm_s",
                    "s",
                    0.15,
                    partial(stop, mode, kind=kind, rate_hz=rate_hz, speed=speed),
                )
            )
    for rate_hz in (10.0, 30.0):
        checks.append(Check(f"smooth_{rate_hz:.0f}hz", "%", 15.0, partial(smooth, effort, rate_hz=rate_hz)))
    return checks
