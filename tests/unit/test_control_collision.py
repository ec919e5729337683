"""The momentum observer: it finds what pushes the arm, and is not alarmed by motion or by what the sensor feels."""

from __future__ import annotations

import numpy as np
import pytest

from cablecell.core.config.control import ControlSettings
from cablecell.core.control.admittance import ContactLoop
from cablecell.core.control.arm_controller import ArmController
from cablecell.core.control.collision import MomentumObserver
from cablecell.core.control.errors import CollisionError, SensorFaultError
from cablecell.core.control.modes import ControllerMode
from cablecell.core.control.trajectory import JointTrajectory, Tolerances
from cablecell.core.geometry import rotate_six
from cablecell.ports import CommandMode
from tests.support.arm import HOME, DhArm, SteppedArm

MODEL = DhArm()
DT = 0.002
PUSH = np.array([0.0, 25.0, 10.0, 0.0, 0.0, 0.0])
"""In base axes, at the tool."""


def make():
    return ArmController(MODEL, ControlSettings(), command_mode=CommandMode.EFFORT), SteppedArm(MODEL, HOME)


def swing(seconds=0.8, way=1.0):
    """A fast quintic motion of all joints."""
    t = np.linspace(0.0, seconds, 41)
    s = t / seconds
    blend, rate = s**3 * (10 - 15 * s + 6 * s * s), 30 * s**2 * (1 - s) ** 2 / seconds
    bend = 60 * s * (1 - s) * (1 - 2 * s) / seconds**2
    d = way * np.array([1.0, 0.4, -0.4, 0.8, -0.8, 1.0])
    return JointTrajectory(t, HOME + np.outer(blend, d), np.outer(rate, d), np.outer(bend, d))


def felt(dynamics, push):
    return rotate_six(dynamics.X_base_tcp[:3, :3].T, push)


def test_the_residual_becomes_the_torque_of_the_environment():
    observer = MomentumObserver(ControlSettings(collision_torque_share=1.0), MODEL.joint_limits.effort)
    arm, controller = SteppedArm(MODEL, HOME), make()[0]
    for _ in range(150):
        dynamics = MODEL.dynamics(arm.q)
        observer.observe(dynamics, MODEL.coupling(arm.q, arm.dq), arm.dq, None)
        command = controller.tick(arm.state(), felt(dynamics, PUSH), arm.time_s)
        observer.command(command.values)
        arm.cycle(command, lambda _d, _dq: PUSH)
    expected = MODEL.dynamics(arm.q).J_base_tcp.T @ PUSH
    np.testing.assert_allclose(observer.residual, expected, atol=0.05 * np.abs(expected).max())


def test_a_push_that_the_wrist_does_not_feel_stops_the_arm_and_names_the_joint():
    controller, arm = make()
    stopped_s = None
    for i in range(300):
        push = PUSH if i >= 100 else np.zeros(6)
        arm.cycle(controller.tick(arm.state(), np.zeros(6), arm.time_s), lambda _d, _dq, push=push: push)
        if stopped_s is None and controller.report.mode is ControllerMode.STOPPED:
            stopped_s = arm.time_s - 100 * DT
    fault = controller.report.fault
    assert isinstance(fault, CollisionError)
    assert "that neither the motion nor the force sensor explains; the limit is" in str(fault)
    assert stopped_s is not None
    assert stopped_s < 0.06
    with pytest.raises(CollisionError):
        controller.start_trajectory(swing(), Tolerances(), arm.q)


def test_a_push_that_the_wrist_feels_does_not():
    controller, arm = make()
    for i in range(400):
        push = PUSH if i >= 100 else np.zeros(6)
        wrench = felt(MODEL.dynamics(arm.q), push)
        arm.cycle(controller.tick(arm.state(), wrench, arm.time_s), lambda _d, _dq, push=push: push)
    assert controller.report.fault is None


@pytest.mark.parametrize("has_sensor", [True, False])
def test_a_fast_motion_is_no_collision(has_sensor):
    """Also where the sensor feels the tool's own inertia, which pushes nothing."""
    controller, arm = make()
    follower = controller.start_trajectory(swing(), Tolerances(path=0.1), HOME)
    v = np.zeros(3)
    for _ in range(500):
        dynamics = MODEL.dynamics(arm.q)
        twist = dynamics.J_base_tcp @ arm.dq
        inertia = np.concatenate((-1.1 * (twist[:3] - v) / DT, np.zeros(3)))
        v = twist[:3]
        arm.cycle(controller.tick(arm.state(), felt(dynamics, inertia) if has_sensor else None, arm.time_s))
    assert follower.state.value == "succeeded", controller.report.fault


def test_what_happened_without_ticks_is_no_collision():
    controller, arm = make()
    for _ in range(20):
        arm.cycle(controller.tick(arm.state(), None, arm.time_s))
    arm.dq = np.full(6, 0.8)  # somebody led it by hand meanwhile, and it still moves
    controller.take_up()
    for _ in range(100):
        arm.cycle(controller.tick(arm.state(), None, arm.time_s))
    assert controller.report.fault is None


@pytest.mark.parametrize("mode", [CommandMode.EFFORT, CommandMode.POSITION])
def test_a_force_sensor_that_reports_no_number_stops_the_arm(mode):
    loop = ContactLoop(0.012, 0.010, 40000.0, 30.0)
    controller, arm = ArmController(MODEL, ControlSettings(), command_mode=mode, loop=loop), SteppedArm(MODEL, HOME)
    for i in range(60):
        wrench = np.full(6, np.nan) if 20 <= i < 40 else np.zeros(6)
        command = controller.tick(arm.state(), wrench, arm.time_s)
        assert np.isfinite(command.values).all()
        arm.cycle(command)
    assert isinstance(controller.report.fault, SensorFaultError)
    np.testing.assert_allclose(arm.q, HOME, atol=1e-6)
