"""Random and hostile commands to the controller: limits hold, and nothing escapes but typed errors.

CABLECELL_FUZZ is the number of commands to each kind of arm; 1000 by default, 100 000 for a thorough run.
"""

from __future__ import annotations

import math
import os
from dataclasses import replace

import numpy as np
import pytest

from cablecell.composition.robot_description import load_robot_description
from cablecell.core.config.control import ControlSettings
from cablecell.core.control.admittance import ContactLoop
from cablecell.core.control.arm_controller import ArmController
from cablecell.core.control.command import ComplianceCommand, JointMotionUpdate, MotionUpdate
from cablecell.core.control.robot_arm import RobotArm
from cablecell.core.control.trajectory import JointTrajectory, Tolerances
from cablecell.core.errors import WorkcellError
from cablecell.core.motion.model import RobotModel
from cablecell.ports import CommandMode
from tests.support.arm import HOME, SteppedArm

MODEL = RobotArm(
    RobotModel(load_robot_description(with_enclosure=False)), rotor_inertia=np.array([0.1, 0.1, 0.1, 0.02, 0.02, 0.02])
)
LIMITS = MODEL.joint_limits
COUNT = int(os.environ.get("CABLECELL_FUZZ", "1000"))
DT = 0.002
BAD = (math.nan, math.inf, -math.inf, 1e308, -1e308, 1e-320, -0.0, 1e9)
ODD = np.array([])


def spoil(rng, values):
    """Return values with, now and then, something in them that no number of a command may be, or of another size."""
    values = np.array(values, dtype=float)
    kind = rng.integers(14)
    if kind == 0 and values.size:
        values.flat[rng.integers(values.size)] = BAD[rng.integers(len(BAD))]
    elif kind == 1:
        return values.ravel()[: rng.integers(values.size + 1)]
    return values


def gains(rng, top):
    K = np.diag(rng.uniform(0.0, [top] * 3 + [top / 30.0] * 3))
    kind = rng.integers(8)
    if kind == 0:
        K[rng.integers(6), rng.integers(6)] += rng.normal() * top  # asymmetric, or negative
    return K


def pose(rng):
    X = MODEL.dynamics(HOME).X_base_tcp.copy()
    X[:3, 3] += rng.normal(size=3) * 10.0 ** rng.uniform(-4, 1)
    return X


def stamp(rng, now):
    kind = rng.integers(12)
    return (BAD[rng.integers(len(BAD))], now - rng.exponential(1.0), now + rng.exponential(1.0), now)[min(kind, 3)]


def motion(rng, now):
    quat = rng.normal(size=4)
    if rng.integers(6):
        quat = np.array([1.0, rng.normal() * 0.1, 0.0, 0.0])
        quat /= np.linalg.norm(quat)
    frames = ("base_link", "tcp", "gripper/tcp", "world", "")
    return MotionUpdate(
        stamp_s=stamp(rng, now),
        frame_id=frames[rng.choice(5, p=(0.5, 0.3, 0.1, 0.05, 0.05))],
        position=spoil(rng, pose(rng)[:3, 3] if rng.integers(2) else rng.normal(size=3) * 0.02),
        quat_xyzw=spoil(rng, quat),
        velocity=spoil(rng, rng.normal(size=6) * 10.0 ** rng.uniform(-3, 3)),
        stiffness=spoil(rng, gains(rng, 5000.0).ravel()),
        damping=spoil(rng, gains(rng, 10.0 ** rng.uniform(0, 5)).ravel()),
        feedforward_at_tip=spoil(rng, rng.normal(size=6) * 10.0 ** rng.uniform(-2, 4)),
        feedback_gains_at_tip=spoil(rng, rng.uniform(0.0, 1.0, 6)),
        mode=int(rng.choice((0, 1, 2, 3, 255), p=(0.02, 0.46, 0.46, 0.03, 0.03))),
    )


def joints(rng, now):
    return JointMotionUpdate(
        stamp_s=stamp(rng, now),
        positions=spoil(rng, HOME + rng.normal(size=6) * 10.0 ** rng.uniform(-3, 1.5)),
        velocities=spoil(rng, rng.normal(size=6) * 10.0 ** rng.uniform(-2, 3)),
        stiffness=spoil(rng, rng.uniform(0.0, 2000.0, 6)),
        damping=spoil(rng, rng.uniform(0.0, 10.0 ** rng.uniform(0, 4), 6)),
        feedforward_torque=ODD if rng.integers(2) else spoil(rng, rng.normal(size=6) * 10.0 ** rng.uniform(-1, 3)),
        mode=int(rng.choice((0, 1, 2, 3), p=(0.02, 0.48, 0.48, 0.02))),
    )


def compliance(rng, now):
    X_comp = np.eye(4)
    X_comp[:3, 3] = spoil_some(rng, rng.normal(size=3) * 0.05)
    X = pose(rng)
    X[:3, 3] = spoil_some(rng, X[:3, 3])
    return ComplianceCommand(
        stamp_s=stamp(rng, now),
        X_base_target=X,
        X_tcp_comp=X_comp,
        stiffness=np.diag(rng.uniform(0.0, [6000.0] * 3 + [200.0] * 3) * rng.integers(0, 2, 6)),
        damping=np.diag(rng.uniform(0.0, 10.0 ** rng.uniform(0, 5), 6)),
        damping_ratio=rng.uniform(0.0, 3.0),
        feedforward=spoil_some(rng, rng.normal(size=6) * 10.0 ** rng.uniform(-2, 4)),
        twist=spoil_some(rng, rng.normal(size=6) * rng.integers(2) * 10.0 ** rng.uniform(-3, 2)),
        acceleration=spoil_some(rng, rng.normal(size=6) * 10.0 ** rng.uniform(-3, 2)),
        feedback_gains=spoil_some(rng, rng.uniform(0.0, 1.0, 6) * (rng.random(6) < 0.1)),
    )


def spoil_some(rng, values):
    """Like `spoil`, of the right size: the sizes of this command are checked at the edge."""
    values = np.array(values, dtype=float)
    if rng.integers(14) == 0:
        values.flat[rng.integers(values.size)] = BAD[rng.integers(len(BAD))]
    return values


def trajectory(rng, q):
    m = int(rng.integers(1, 6))
    times = np.cumsum(rng.uniform(0.0, 1.0, m)) + rng.choice((0.0, -0.5), p=(0.9, 0.1))
    walk = q + np.cumsum(rng.normal(size=(m, 6)) * 0.2, axis=0) * (np.arange(m) > 0)[:, None]
    rates = rng.normal(size=(m, 6)) * 10.0 ** rng.uniform(-2, 1)
    bends = None if rng.integers(2) else spoil(rng, rng.normal(size=(m, 6)))
    return JointTrajectory(spoil(rng, times), spoil(rng, walk), spoil(rng, rates), bends)


def send(rng, controller, arm):
    now, kind = arm.time_s, rng.integers(20)
    if kind < 6:
        controller.command_motion(motion(rng, now), now)
    elif kind < 11:
        controller.command_joints(joints(rng, now), now, arm.q)
    elif kind < 16:
        controller.command_compliance(compliance(rng, now), now)
    elif kind < 17:
        controller.start_trajectory(trajectory(rng, arm.q), Tolerances(), arm.q)
    elif kind < 19:
        controller.change_target_mode(int(rng.choice((0, 1, 2, 7), p=(0.05, 0.45, 0.45, 0.05))))
    else:
        controller.hold()


@pytest.mark.parametrize("mode", [CommandMode.EFFORT, CommandMode.POSITION])
def test_whatever_is_sent_limits_hold_and_nothing_escapes_but_typed_errors(mode):
    rng = np.random.default_rng(20261122)
    loop = ContactLoop(0.012, 0.010, 40000.0, 30.0)
    settings = ControlSettings()
    controller, arm = ArmController(MODEL, settings, command_mode=mode, loop=loop), SteppedArm(MODEL, HOME)
    controller.tick(arm.state(), None, 0.0)
    told, rate, refused, taken, modes, codes = HOME.copy(), np.zeros(6), 0, 0, set(), set()
    for _ in range(COUNT):
        try:
            send(rng, controller, arm)
            taken += 1
        except WorkcellError as error:
            refused += 1
            codes.add(error.code)
        for _ in range(int(rng.integers(1, 4))):
            wrench = rng.normal(size=6) * [3, 3, 3, 0.2, 0.2, 0.2] if rng.integers(2) else None
            command = controller.tick(arm.state(), wrench, arm.time_s)
            values, report = command.values, controller.report
            assert np.isfinite(values).all()
            modes.add(report.mode)
            assert np.isfinite(report.X_base_reference).all()
            if mode is CommandMode.EFFORT:
                assert (np.abs(values) <= LIMITS.effort + 1e-9).all()
                arm.cycle(command)
                if (np.abs(arm.q) > LIMITS.upper).any() or np.abs(arm.dq).max() > math.pi:
                    # A machine trips; another one is put in its place.
                    arm.q, arm.dq = HOME.copy(), np.zeros(6)
                    controller.take_up()
            else:
                assert (values >= LIMITS.lower).all()
                assert (values <= LIMITS.upper).all()
                now_rate = (values - told) / DT
                assert (np.abs(now_rate) <= LIMITS.velocity + 1e-6).all()
                assert (np.abs(now_rate - rate) <= settings.joint_acceleration * DT + 1e-6).all()
                told, rate = values.copy(), now_rate
                arm.cycle(command)
        if report.fault is not None and rng.integers(3) == 0:
            controller.hold()
    assert min(taken, refused) > 0.1 * COUNT
    assert len(modes) >= 5
    assert codes >= {301, 302, 303, 304, 305, 306, 307, 308, 309, 321}


def test_a_spoiled_command_is_not_a_command():
    """The fuzzer itself: what it makes of a good command is refused when it is spoiled."""
    rng = np.random.default_rng(1)
    controller, arm = ArmController(MODEL, ControlSettings(), command_mode=CommandMode.EFFORT), SteppedArm(MODEL, HOME)
    controller.tick(arm.state(), None, 0.0)
    good = replace(compliance(rng, 0.0), stamp_s=0.0, feedback_gains=np.zeros(6), feedforward=np.zeros(6))
    with pytest.raises(WorkcellError, match=r"twist.0. = nan is not finite"):
        controller.command_compliance(replace(good, twist=np.array([math.nan, 0, 0, 0, 0, 0])), 0.0)
