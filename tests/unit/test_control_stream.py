"""Streams of commands: slow ones become smooth, and the arm stops when their source dies."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cablecell.core.config.control import ControlSettings
from cablecell.core.control.admittance import ContactLoop
from cablecell.core.control.arm_controller import ArmController
from cablecell.core.control.brake import JointBrake
from cablecell.core.control.command import ComplianceCommand
from cablecell.core.control.modes import ControllerMode
from cablecell.core.control.stream import StreamClock
from cablecell.ports import CommandMode
from tests.support.arm import HOME, DhArm, SteppedArm
from tests.unit.test_control_interpreter import joint, motion

MODEL = DhArm()
X_HOME = MODEL.dynamics(HOME).X_base_tcp
K = np.diag([3000.0] * 3 + [100.0] * 3)
DT = 0.002
DOWN = np.array([1.0, 0.0, 0.0, 0.0])


def make(mode=CommandMode.EFFORT):
    loop = ContactLoop(0.012, 0.010, 40000.0, 30.0)
    return ArmController(MODEL, ControlSettings(), command_mode=mode, loop=loop), SteppedArm(MODEL, HOME)


def clock(*intervals):
    found, now = StreamClock(ControlSettings()), 0.0
    found.arrived(now)
    for interval in intervals:
        now += interval
        found.arrived(now)
    return found


@pytest.mark.parametrize(
    ("interval_s", "ticks", "hold_s"), [(0.002, 1, 0.06), (0.01, 6, 0.06), (0.0333, 20, 0.0999), (0.1, 60, 0.115)]
)
def test_a_clock_knows_how_often_commands_come(interval_s, ticks, hold_s):
    found = clock(*[interval_s] * 5)
    assert found.interval_s == pytest.approx(interval_s)
    assert found.walk_ticks == ticks
    assert found.hold_after_s == pytest.approx(hold_s)


def test_a_stream_that_becomes_slower_is_known_at_once_and_one_that_was_silent_begins_anew():
    assert clock(*[0.01] * 5, 0.05).interval_s == pytest.approx(0.05)
    assert clock(*[0.05] * 5, 1.0).walk_ticks == 1
    assert clock().hold_after_s == pytest.approx(0.1), "one command says nothing of the next"


@pytest.mark.parametrize(("rate_hz", "lag_s"), [(10.0, 0.14), (30.0, 0.06)])
@pytest.mark.parametrize("kind", ["pose", "joint"])
def test_a_slow_stream_becomes_smooth_motion(rate_hz, lag_s, kind):
    """A sine that comes 10 or 30 times a second: within acceleration and jerk, never standing still in its swing."""
    controller, arm = make()
    settings, rng = ControlSettings(), np.random.default_rng(3)
    amplitude, w = 0.02, math.pi
    arm.cycle(controller.tick(arm.state(), None, arm.time_s))
    if kind == "joint":
        controller.change_target_mode(2)
    due, begun, references = 0.0, arm.time_s, []
    for i in range(2500):
        if i * DT >= due:
            way = amplitude * (1.0 - math.cos(w * i * DT))
            now = arm.time_s
            if kind == "pose":
                X = X_HOME.copy()
                X[0, 3] += way
                controller.command_compliance(ComplianceCommand(now, X, np.eye(4), K), now)
            else:
                gains = {"stiffness": np.full(6, 400.0), "damping": np.full(6, 30.0)}
                controller.command_joints(joint(stamp_s=now, positions=HOME + way, **gains), now, arm.q)
            due += rng.uniform(0.9, 1.1) / rate_hz
        arm.cycle(controller.tick(arm.state(), None, arm.time_s))
        pose = controller.report.X_base_reference[0, 3] - X_HOME[0, 3]
        references.append(pose if kind == "pose" else controller._references.joints.q[0] - HOME[0])
    assert begun < arm.time_s
    p = np.array(references)
    v, t = np.diff(p) / DT, (np.arange(p.size - 1) + 0.5) * DT
    a = np.diff(v) / DT
    linear = settings.linear_acceleration if kind == "pose" else settings.joint_reference_acceleration
    # A message that comes later than any before it finds the reference braking already.
    braking = settings.stop_acceleration if kind == "pose" else linear
    assert np.abs(a).max() <= linear * 1.001
    assert np.abs(np.diff(a)).max() / DT <= (linear + braking) / settings.smoothing_time_s * 1.001
    assert -1e-9 <= p.min() <= p.max() <= 2.0 * amplitude + 1e-4, "it leaves what was commanded"
    swing = (np.sin(w * (t - lag_s)) > 0.7) & (t > 1.0)
    assert v[swing].min() > 0.4 * amplitude * w, "it stops and goes"
    late = p[1:] - amplitude * (1.0 - np.cos(w * (t + 0.5 * DT - lag_s)))
    assert np.abs(late[t > 1.0]).max() < 0.15 * amplitude


def stream(controller, kind, speed, t, now, q):
    if kind == "pose":
        X = X_HOME.copy()
        X[0, 3] -= speed * t
        controller.command_compliance(ComplianceCommand(now, X, np.eye(4), K), now)
    elif kind == "twist":
        velocity = np.array([-speed, 0, 0, 0, 0, 0])
        gains = {"stiffness": K.ravel(), "damping": np.diag([300.0] * 3 + [10.0] * 3).ravel()}
        controller.command_motion(motion(stamp_s=now, mode=1, velocity=velocity, quat_xyzw=DOWN, **gains), now)
    else:
        rate = np.array([speed / 0.5, 0, 0, 0, 0, 0])
        gains = {"stiffness": np.full(6, 400.0), "damping": np.full(6, 30.0)}
        controller.command_joints(joint(stamp_s=now, mode=1, velocities=rate, positions=rate, **gains), now, q)


@pytest.mark.parametrize("mode", [CommandMode.EFFORT, CommandMode.POSITION])
@pytest.mark.parametrize("kind", ["pose", "twist", "joint"])
@pytest.mark.parametrize("speed", [0.05, 0.25])
def test_a_dead_source_stops_the_arm_within_150_ms(mode, kind, speed):
    controller, arm = make(mode)
    arm.cycle(controller.tick(arm.state(), None, arm.time_s))
    if kind == "joint":
        controller.change_target_mode(2)
    path, last_s = [], 0.0
    for i in range(480):
        if i < 250 and i % 5 == 0:
            stream(controller, kind, speed, i * DT, arm.time_s, arm.q)
            last_s = arm.time_s
        arm.cycle(controller.tick(arm.state(), np.zeros(6), arm.time_s))
        path.append((arm.time_s, MODEL.dynamics(arm.q).X_base_tcp[:3, 3]))
    end = path[-1][1]
    assert np.linalg.norm(path[245][1] - path[0][1]) > 0.3 * speed, "it never moved"
    assert max(t for t, p in path if np.linalg.norm(p - end) > 2e-4) - last_s <= 0.15
    assert controller.report.mode is not ControllerMode.STOPPED


def test_a_source_that_dies_while_the_tool_is_pushed_through_something_lets_it_come_to_rest_there():
    """Friction of 12 N against a push of 25 N: what remains of the push is what it met, and that moves nothing."""
    controller, arm = make()
    soft = np.diag([1500.0, 1500.0, 0.0, 60.0, 60.0, 60.0])
    push, damping = np.array([0.0, 0.0, 25.0, 0.0, 0.0, 0.0]), np.diag([0.0, 0.0, 130.0, 0.0, 0.0, 0.0])
    drag = np.zeros(6)

    def rub(dynamics, dq):
        drag[2] = -12.0 * math.tanh(float((dynamics.J_base_tcp @ dq)[2]) / 0.002)
        return drag

    heights, pushed = [], []
    for i in range(500):
        if i < 250:
            command = ComplianceCommand(arm.time_s, X_HOME, np.eye(4), soft, damping=damping, feedforward=push)
            controller.command_compliance(command, arm.time_s)
        felt = np.concatenate((X_HOME[:3, :3].T @ drag[:3], np.zeros(3)))
        command = controller.tick(arm.state(), felt, arm.time_s)
        wrench = np.linalg.solve(MODEL.dynamics(arm.q).J_base_tcp.T, command.values)
        pushed.append(-wrench[2])
        arm.cycle(command, rub)
        heights.append(MODEL.dynamics(arm.q).X_base_tcp[2, 3])
    speed = (heights[230] - heights[249]) / (19 * DT)
    assert speed > 0.08, "it never moved"
    # Friction that fades with the speed gives the load back to the position loop: 12 N over its stiffness, no more.
    assert abs(heights[-1] - heights[249 + 75]) < 8e-4, "not at rest after 0.15 s"
    assert 0.0 < heights[249] - heights[-1] < 0.12 * speed
    assert max(pushed[300:]) < 14.0


def test_a_stream_that_comes_back_is_taken_up_where_the_arm_is():
    controller, arm = make()

    def send(t):
        stream(controller, "pose", 0.1, t, arm.time_s, arm.q)

    for i in range(600):
        if not 250 <= i < 300 and i % 5 == 0:  # silent for 0.1 s, the target goes on
            send(i * DT)
        before = controller.report.X_base_reference[:3, 3] if i else X_HOME[:3, 3]
        arm.cycle(controller.tick(arm.state(), np.zeros(6), arm.time_s))
        assert np.linalg.norm(controller.report.X_base_reference[:3, 3] - before) <= 0.26 * DT
    assert controller.report.X_base_reference[0, 3] - X_HOME[0, 3] == pytest.approx(-0.12, abs=3e-3)


def test_a_brake_ends_where_its_rates_lead():
    rates = np.array([0.5, -0.2, 0.0, 0.1, 0.0, 1.0])
    brake = JointBrake(ControlSettings(), HOME, rates)
    points = [brake.step() for _ in range(200)]
    q, dq = np.array([point.q for point in points]), np.array([point.dq for point in points])
    np.testing.assert_allclose(dq[0], rates)
    assert not dq[-1].any()
    np.testing.assert_allclose(q[-1] - q[0], DT * (dq.sum(axis=0) - 0.5 * dq[0]), atol=1e-4)
    assert max(np.abs(point.ddq).max() for point in points) <= ControlSettings().joint_stop_acceleration * (1 + 1e-9)


def test_damping_of_a_light_wrist_is_bounded_by_its_inertia():
    """40 N·m·s/rad on 0.02 kg·m² would turn the speed round in every period, and make it grow."""
    controller, arm = make()
    arm.cycle(controller.tick(arm.state(), None, arm.time_s))
    controller.change_target_mode(2)
    arm.dq = np.array([0, 0, 0, 0.05, 0.05, 0.05])
    for _ in range(500):
        now = arm.time_s
        update = joint(stamp_s=now, positions=HOME, stiffness=np.full(6, 100.0), damping=np.full(6, 80.0))
        controller.command_joints(update, now, arm.q)
        arm.cycle(controller.tick(arm.state(), None, now))
    assert np.abs(arm.dq).max() < 1e-3
