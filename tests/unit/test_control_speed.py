"""The speed slider, and the limits of power and workspace: paths stay, speeds and forces are bounded."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cablecell.core.config.control import ControlSettings
from cablecell.core.control.admittance import ContactLoop
from cablecell.core.control.arm_controller import ArmController
from cablecell.core.control.command import ComplianceCommand
from cablecell.core.control.errors import CommandRangeError
from cablecell.core.control.torque_drive import TorqueDrive
from cablecell.core.control.trajectory import FollowState, JointTrajectory, Tolerances, TrajectoryFollower
from cablecell.ports import ArmState, CommandMode
from tests.support.arm import HOME, DhArm, SteppedArm
from tests.unit.test_control_interpreter import joint, motion

MODEL = DhArm()
X_HOME = MODEL.dynamics(HOME).X_base_tcp
K = np.diag([3000.0] * 3 + [100.0] * 3)
DT = 0.002


def sine_path(seconds=1.0, points=201):
    """Return a path of two joints that turns back, at rest at both ends."""
    t = np.linspace(0.0, seconds, points)
    s, w = t / seconds, 2.0 * math.pi / seconds
    blend, rate = s - np.sin(w * t) / (2.0 * math.pi), (1.0 - np.cos(w * t)) / seconds
    bend = w * np.sin(w * t) / seconds
    angle = 3.0 * blend
    q = np.stack((np.sin(angle), np.cos(angle)), axis=1)
    dq = np.stack((np.cos(angle), -np.sin(angle)), axis=1) * (3.0 * rate)[:, None]
    ddq = np.stack((np.cos(angle), -np.sin(angle)), axis=1) * (3.0 * bend)[:, None] - q * ((3.0 * rate) ** 2)[:, None]
    return JointTrajectory(t, q, dq, ddq)


def play(scales, stop_time_s=0.15):
    """Play the path with a scale by time, measured exactly; return positions, rates and accelerations of every tick."""
    follower = TrajectoryFollower(sine_path(), Tolerances(), stop_time_s, scales(0.0))
    rows, t = [], 0.0
    while not follower.state.is_final and t < 200.0:
        follower.speed_scale = scales(t)
        follower.step(follower.present.q, DT)
        rows.append(np.concatenate((follower.present.q, follower.present.dq, follower.present.ddq)))
        t += DT
    assert follower.state is FollowState.SUCCEEDED
    return np.array(rows)


@pytest.mark.parametrize("scale", [1.0, 0.5, 0.1, 0.01])
def test_a_scaled_trajectory_takes_its_time_on_the_same_path(scale):
    rows = play(lambda _: scale)
    assert rows.shape[0] * DT == pytest.approx(1.0 / scale, rel=0.02, abs=2.0 * DT)
    np.testing.assert_allclose(np.hypot(rows[:, 0], rows[:, 1]), 1.0, atol=1e-6)
    fastest = np.linalg.norm(rows[:, 2:4], axis=1).max()
    assert fastest == pytest.approx(6.0 * scale, rel=0.01)


def test_a_scale_that_changes_in_motion_changes_the_speed_smoothly_and_says_so():
    """Rates are the derivative of positions, accelerations that of rates, through every change."""
    rng = np.random.default_rng(4)
    levels = rng.uniform(0.05, 1.0, 100)
    rows = play(lambda t: float(levels[min(int(t / 0.2), 99)]))
    np.testing.assert_allclose(np.hypot(rows[:, 0], rows[:, 1]), 1.0, atol=1e-6)
    dq = np.diff(rows[:, :2], axis=0) / DT
    # Half a period of the fastest change of the scale: 6 rad/s in 0.15 s.
    np.testing.assert_allclose(dq[1:-2], 0.5 * (rows[1:-3, 2:4] + rows[2:-2, 2:4]), atol=0.045)
    ddq = np.diff(rows[:, 2:4], axis=0) / DT
    assert np.abs(ddq).max() < 6.0 / 0.15 + 25.0
    close = np.abs(ddq[1:-2] - 0.5 * (rows[1:-3, 4:] + rows[2:-2, 4:])).max(axis=1) < 3.0
    assert close.mean() > 0.9, "accelerations are those of what moves, but in the period of a change"


def stream_towards(controller, arm, kind, now):
    if kind == "pose":
        X = X_HOME.copy()
        X[0, 3] -= 0.3
        controller.command_compliance(ComplianceCommand(now, X, np.eye(4), K), now)
    elif kind == "twist":
        gains = {"stiffness": K.ravel(), "damping": np.diag([300.0] * 3 + [10.0] * 3).ravel()}
        down = np.array([1.0, 0.0, 0.0, 0.0])
        velocity = np.array([-0.3, 0, 0, 0, 0, 0])
        controller.command_motion(motion(stamp_s=now, mode=1, velocity=velocity, quat_xyzw=down, **gains), now)
    else:
        gains = {"stiffness": np.full(6, 400.0), "damping": np.full(6, 30.0)}
        target = HOME + np.array([2.0, 0, 0, 0, 0, 0])
        controller.command_joints(joint(stamp_s=now, positions=target, **gains), now, arm.q)


@pytest.mark.parametrize("mode", [CommandMode.EFFORT, CommandMode.POSITION])
@pytest.mark.parametrize("kind", ["pose", "twist", "joint"])
def test_streamed_motion_is_followed_with_a_share_of_the_highest_speeds(mode, kind):
    loop = ContactLoop(0.012, 0.010, 40000.0, 30.0)
    controller, arm = ArmController(MODEL, ControlSettings(), command_mode=mode, loop=loop), SteppedArm(MODEL, HOME)
    arm.cycle(controller.tick(arm.state(), None, arm.time_s))
    if kind == "joint":
        controller.change_target_mode(2)
    controller.scale_speed(0.2)
    before, fastest = MODEL.dynamics(arm.q).X_base_tcp[:3, 3], []
    for _ in range(400):
        stream_towards(controller, arm, kind, arm.time_s)
        q = arm.q.copy()
        arm.cycle(controller.tick(arm.state(), None, arm.time_s))
        p = MODEL.dynamics(arm.q).X_base_tcp[:3, 3]
        fastest.append(np.linalg.norm(p - before) / DT if kind != "joint" else np.abs(arm.q - q).max() / DT)
        before = p
    limit = 0.2 * (0.25 if kind != "joint" else math.pi)
    assert 0.9 * limit < max(fastest[100:]) < 1.1 * limit, "the arm is a spring behind what it follows"


@pytest.mark.parametrize("scale", [0.0, 0.009, 1.01, -1.0, math.nan, math.inf])
def test_a_share_that_is_none_changes_nothing(scale):
    controller = ArmController(MODEL, ControlSettings(), command_mode=CommandMode.EFFORT)
    controller.scale_speed(0.5)
    with pytest.raises(CommandRangeError, match=r"outside \[0.01, 1\]"):
        controller.scale_speed(scale)
    assert controller.speed_scale == 0.5


def test_power_is_bounded_and_braking_is_not():
    rng = np.random.default_rng(8)
    drive = TorqueDrive(ControlSettings(power_limit_w=20.0), MODEL.joint_limits)
    bounded = 0
    for _ in range(500):
        q, dq = HOME + rng.normal(size=6) * 0.1, rng.normal(size=6)
        wanted = np.clip(rng.normal(size=6) * 15.0, -28.0, 28.0)
        tau = drive.bound(q, dq, wanted)
        assert tau @ dq <= 20.0 + 1e-9
        if wanted @ dq <= 20.0:
            np.testing.assert_array_equal(tau, wanted)
        else:
            bounded += 1
            np.testing.assert_allclose(tau * (wanted @ dq), wanted * 20.0, rtol=1e-9)
    assert bounded > 50


def test_a_twist_does_not_carry_the_tool_out_of_the_workspace():
    reach = 0.75
    settings = ControlSettings(workspace_reach_m=reach)
    controller, arm = ArmController(MODEL, settings, command_mode=CommandMode.EFFORT), SteppedArm(MODEL, HOME)
    controller.tick(ArmState(0.0, HOME, np.zeros(6), np.zeros(6)), None, 0.0)
    outward = X_HOME[:3, 3] / np.linalg.norm(X_HOME[:3, 3])
    assert np.linalg.norm(X_HOME[:3, 3]) < reach - 0.05
    gains = {"stiffness": K.ravel(), "damping": np.diag([300.0] * 3 + [10.0] * 3).ravel()}
    farthest = 0.0
    for _ in range(1500):
        now = arm.time_s
        velocity = np.concatenate((0.25 * outward, np.zeros(3)))
        down = np.array([1.0, 0.0, 0.0, 0.0])
        controller.command_motion(motion(stamp_s=now, mode=1, velocity=velocity, quat_xyzw=down, **gains), now)
        arm.cycle(controller.tick(arm.state(), None, now))
        farthest = max(farthest, float(np.linalg.norm(controller.report.X_base_reference[:3, 3])))
    assert reach - 0.01 < farthest < reach + 0.002
