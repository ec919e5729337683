"""The arm controller on a small rigid arm: stiffness, frames, limits, watchdog, modes; measured, not mocked."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from cablecell.core.config.control import ControlSettings
from cablecell.core.control.admittance import ContactLoop
from cablecell.core.control.arm_controller import ArmController
from cablecell.core.control.command import ComplianceCommand
from cablecell.core.control.errors import (
    CommandTimeoutError,
    ContactForceError,
    ExecutionError,
    NonFiniteCommandError,
    StaleCommandError,
    TrajectoryRejectedError,
)
from cablecell.core.control.modes import ControllerMode
from cablecell.core.control.trajectory import FollowState, JointTrajectory, Tolerances
from cablecell.core.geometry import exp_so3, invert_pose, log_so3, make_pose
from cablecell.ports import CommandMode
from tests.support.arm import HOME, DhArm, SteppedArm
from tests.unit.test_control_interpreter import joint, motion

MODEL = DhArm()
X_HOME = MODEL.dynamics(HOME).X_base_tcp
X_TCP_TIP = make_pose(exp_so3([0.35, 0.0, 0.0]), [0.0, -0.02, 0.054])
K = np.diag([2000.0, 1500.0, 1000.0, 40.0, 30.0, 20.0])


def make(settings: ControlSettings | None = None) -> tuple[ArmController, SteppedArm]:
    return ArmController(MODEL, settings or ControlSettings(), command_mode=CommandMode.EFFORT), SteppedArm(MODEL, HOME)


def run(controller, arm, seconds, *, command=None, external=None, wrench=None):
    """Tick for a while; `command` maps the time to a compliance command, or is None."""
    for _ in range(round(seconds / 0.002)):
        now = arm.time_s
        if command is not None:
            controller.command_compliance(command(now), now)
        arm.cycle(controller.tick(arm.state(), wrench, now), external)


def tip(arm) -> np.ndarray:
    return MODEL.dynamics(arm.q).X_base_tcp @ X_TCP_TIP


def test_static_stiffness_is_what_was_commanded_at_the_tip():
    controller, arm = make()
    target = X_HOME @ X_TCP_TIP
    force = np.array([3.0, -2.0, 4.0])

    def push(dynamics, _dq):
        # a pure force at the tip, in base axes
        lever = (dynamics.X_base_tcp @ X_TCP_TIP)[:3, 3] - dynamics.X_base_tcp[:3, 3]
        return np.concatenate((force, np.cross(lever, force)))

    run(controller, arm, 2.0, command=lambda now: ComplianceCommand(now, target, X_TCP_TIP, K), external=push)
    X = tip(arm)
    R = target[:3, :3]
    displacement = R.T @ (X[:3, 3] - target[:3, 3])
    expected = (R.T @ force) / np.diag(K)[:3]
    np.testing.assert_allclose(displacement, expected, rtol=0.01, atol=1e-6)
    # a force through the compliance centre does not turn it
    assert np.linalg.norm(log_so3(R.T @ X[:3, :3])) < 1e-4


def test_static_rotational_stiffness():
    controller, arm = make()
    target = X_HOME @ X_TCP_TIP
    moment = np.array([0.2, -0.3, 0.1])
    run(
        controller,
        arm,
        3.0,
        command=lambda now: ComplianceCommand(now, target, X_TCP_TIP, K),
        external=lambda _d, _dq: np.concatenate((np.zeros(3), moment)),
    )
    turn = log_so3(target[:3, :3].T @ tip(arm)[:3, :3])
    np.testing.assert_allclose(turn, (target[:3, :3].T @ moment) / np.diag(K)[3:], rtol=0.02, atol=1e-5)


def test_a_jump_of_the_target_is_followed_within_speed_and_acceleration_limits():
    settings = ControlSettings(linear_speed=0.1, linear_acceleration=0.5)
    controller, arm = make(settings)
    target = X_HOME.copy()
    target[:3, 3] += [0.05, 0.0, -0.05]
    references = []
    for _ in range(1000):
        now = arm.time_s
        controller.command_compliance(ComplianceCommand(now, target, np.eye(4), K), now)
        arm.cycle(controller.tick(arm.state(), None, now))
        references.append(controller.report.X_base_reference[:3, 3].copy())
    velocity = np.diff(np.array(references), axis=0) / 0.002
    assert np.linalg.norm(velocity, axis=1).max() < 0.1 * 1.001
    assert np.linalg.norm(np.diff(velocity, axis=0) / 0.002, axis=1).max() < 0.5 * 1.01
    np.testing.assert_allclose(references[-1], target[:3, 3], atol=1e-6)
    np.testing.assert_allclose(MODEL.dynamics(arm.q).X_base_tcp[:3, 3], target[:3, 3], atol=2e-4)


def test_heavy_hand_set_damping_does_not_start_a_limit_cycle():
    controller, arm = make()
    command = ComplianceCommand(
        0.0,
        X_HOME,
        np.eye(4),
        np.diag([400.0] * 3 + [20.0] * 3),
        damping=np.diag([3000.0] * 3 + [60.0] * 3),
        damping_ratio=0.0,
    )
    arm.dq = np.full(6, 0.05)
    run(controller, arm, 1.0, command=lambda now: replace(command, stamp_s=now))
    assert np.abs(arm.dq).max() < 1e-3


def test_a_force_controlled_axis_moves_at_the_speed_of_its_damper():
    controller, arm = make()
    stiffness = np.diag([2000.0, 2000.0, 0.0, 50.0, 50.0, 50.0])
    damping = np.zeros((6, 6))
    damping[2, 2] = 8.0 / 0.04

    def command(now):
        # the target along z is where the arm is, as the insertion skill commands it
        X = MODEL.dynamics(arm.q).X_base_tcp.copy()
        X[:2, 3], X[:3, :3] = X_HOME[:2, 3], X_HOME[:3, :3]
        push = np.array([0.0, 0.0, 8.0, 0.0, 0.0, 0.0])
        return ComplianceCommand(now, X, np.eye(4), stiffness, damping=damping, feedforward=push)

    run(controller, arm, 0.5, command=command)
    before = MODEL.dynamics(arm.q).X_base_tcp[2, 3]
    run(controller, arm, 0.5, command=command)
    speed = (before - MODEL.dynamics(arm.q).X_base_tcp[2, 3]) / 0.5
    assert speed == pytest.approx(0.04, rel=0.05)


def test_the_commanded_wrench_is_limited_as_a_whole():
    settings = ControlSettings(force_limit_n=10.0, torque_limit_nm=1.0)
    controller, arm = make(settings)
    push = np.array([30.0, 40.0, 0.0, 0.0, 0.0, 0.0])
    free = np.zeros((6, 6))
    command = ComplianceCommand(0.0, X_HOME, np.eye(4), free, feedforward=push)
    for _ in range(200):
        now = arm.time_s
        controller.command_compliance(replace(command, stamp_s=now), now)
        out = controller.tick(arm.state(), None, now)
        arm.time_s += 0.002
    wrench = np.linalg.solve(MODEL.dynamics(arm.q).J_base_tcp.T, out.values)
    in_tool = X_HOME[:3, :3].T @ wrench[:3]
    np.testing.assert_allclose(in_tool, [6.0, 8.0, 0.0], atol=1e-6)
    assert controller.report.is_limited


def test_feedforward_is_slewed():
    controller, arm = make(ControlSettings(feedforward_force_rate=100.0))
    command = ComplianceCommand(0.0, X_HOME, np.eye(4), np.zeros((6, 6)), feedforward=np.array([0, 0, 10.0, 0, 0, 0]))
    controller.command_compliance(command, 0.0)
    forces = []
    for k in range(60):
        now = 0.002 * k
        controller.command_compliance(replace(command, stamp_s=now), now)
        tau = controller.tick(replace(arm.state(), stamp_s=now), None, now).values
        forces.append((X_HOME[:3, :3].T @ np.linalg.solve(MODEL.dynamics(HOME).J_base_tcp.T, tau)[:3])[2])
    assert forces[0] == pytest.approx(0.2, abs=1e-6)
    assert np.diff(forces).max() < 0.2001
    assert forces[-1] == pytest.approx(10.0, abs=1e-6)


def test_changing_the_compliance_frame_in_motion_does_not_kick():
    controller, arm = make()
    target = X_HOME.copy()
    target[0, 3] += 0.05
    run(controller, arm, 0.3, command=lambda now: ComplianceCommand(now, target, np.eye(4), K))
    speed = np.linalg.norm(arm.dq)
    run(controller, arm, 0.02, command=lambda now: ComplianceCommand(now, target @ X_TCP_TIP, X_TCP_TIP, K))
    assert np.linalg.norm(arm.dq) < 1.3 * speed


def test_a_stale_stream_is_held_and_then_stopped_with_the_reason():
    controller, arm = make()
    target = X_HOME.copy()
    target[2, 3] -= 0.2
    run(controller, arm, 0.2, command=lambda now: ComplianceCommand(now, target, np.eye(4), K))
    run(controller, arm, 0.15)
    assert controller.report.is_held
    held = MODEL.dynamics(arm.q).X_base_tcp
    run(controller, arm, 0.3)
    np.testing.assert_allclose(MODEL.dynamics(arm.q).X_base_tcp, held, atol=1e-4)
    run(controller, arm, 0.1)
    assert controller.report.mode is ControllerMode.STOPPED
    fault = controller.report.fault
    assert isinstance(fault, CommandTimeoutError)
    assert "the limit is 0.5 s" in str(fault)
    run(controller, arm, 0.3)
    assert np.abs(arm.dq).max() < 1e-3
    with pytest.raises(CommandTimeoutError):
        controller.command_compliance(ComplianceCommand(arm.time_s, target, np.eye(4), K), arm.time_s)
    controller.hold()
    controller.command_compliance(ComplianceCommand(arm.time_s, target, np.eye(4), K), arm.time_s)


def test_too_much_contact_force_stops():
    controller, arm = make()
    run(controller, arm, 0.01, wrench=np.array([0.0, 0.0, -61.0, 0.0, 0.0, 0.0]))
    assert controller.report.mode is ControllerMode.STOPPED
    assert isinstance(controller.report.fault, ContactForceError)
    assert "61.0 N is above the limit of 60.0 N" in str(controller.report.fault)


def test_a_protective_stop_of_the_machine_stops_the_controller():
    controller, arm = make()
    state = replace(arm.state(), is_protective_stopped=True)
    controller.tick(state, None, 0.0)
    assert controller.report.mode is ControllerMode.STOPPED
    with pytest.raises(ExecutionError, match="protective stop"):
        controller.command_compliance(ComplianceCommand(0.0, X_HOME, np.eye(4), K), 0.0)


def test_bad_compliance_commands_change_nothing():
    controller, arm = make()
    good = ComplianceCommand(0.0, X_HOME, np.eye(4), K)
    controller.command_compliance(good, 0.0)
    broken = X_HOME.copy()
    broken[0, 3] = np.nan
    with pytest.raises(NonFiniteCommandError):
        controller.command_compliance(replace(good, X_base_target=broken), 0.0)
    with pytest.raises(StaleCommandError):
        controller.command_compliance(replace(good, stamp_s=-5.0), 0.0)
    run(controller, arm, 0.05)
    np.testing.assert_allclose(controller.report.X_base_reference, X_HOME, atol=1e-9)


def joint_path(goal: np.ndarray, seconds: float = 1.0) -> JointTrajectory:
    t = np.linspace(0.0, seconds, 26)
    s = t / seconds
    blend = s**3 * (10 - 15 * s + 6 * s * s)
    rate = 30 * s**2 * (1 - s) ** 2 / seconds
    bend = 60 * s * (1 - s) * (1 - 2 * s) / seconds**2
    d = goal - HOME
    return JointTrajectory(t, HOME + np.outer(blend, d), np.outer(rate, d), np.outer(bend, d))


def test_a_trajectory_is_tracked_and_then_held():
    controller, arm = make()
    goal = HOME + np.array([0.3, -0.2, 0.2, 0.1, -0.2, 0.4])
    follower = controller.start_trajectory(joint_path(goal), Tolerances(path=0.01, goal=1e-3), HOME)
    run(controller, arm, 1.2)
    assert follower.state is FollowState.SUCCEEDED
    assert controller.report.mode is ControllerMode.HOLD
    np.testing.assert_allclose(arm.q, goal, atol=5e-4)
    run(controller, arm, 0.5, external=lambda _d, _dq: np.array([0.0, 0.0, -5.0, 0.0, 0.0, 0.0]))
    np.testing.assert_allclose(arm.q, goal, atol=0.02)


def test_a_blocked_trajectory_is_given_up():
    controller, arm = make()
    goal = HOME + np.array([0.6, 0.0, 0.0, 0.0, 0.0, 0.0])
    follower = controller.start_trajectory(joint_path(goal), Tolerances(path=0.02), HOME)
    for _ in range(600):
        controller_out = controller.tick(arm.state(), None, arm.time_s)
        arm.time_s += 0.002  # the arm does not move at all
        del controller_out
        if follower.state.is_final:
            break
    assert follower.state is FollowState.ABORTED
    assert controller.report.fault is follower.fault


def test_a_trajectory_from_elsewhere_is_refused():
    controller, _ = make()
    with pytest.raises(TrajectoryRejectedError, match="away from the arm"):
        controller.start_trajectory(joint_path(HOME + 0.1), Tolerances(), HOME + 0.2)


def test_motion_updates_move_the_tool_like_the_published_controller():
    controller, arm = make()
    run(controller, arm, 0.004)
    now = arm.time_s
    goal = X_HOME.copy()
    goal[2, 3] -= 0.01
    quat = np.array([1.0, 0.0, 0.0, 0.0])
    update = motion(stamp_s=now, position=goal[:3, 3], quat_xyzw=quat, frame_id="base_link")
    for _ in range(4000):
        now = arm.time_s
        controller.command_motion(replace(update, stamp_s=now), now)
        arm.cycle(controller.tick(arm.state(), np.zeros(6), now))
    assert controller.report.mode is ControllerMode.MOTION_UPDATE
    np.testing.assert_allclose(MODEL.dynamics(arm.q).X_base_tcp[:3, 3], goal[:3, 3], atol=3e-4)


def test_wrench_feedback_amplifies_the_push_as_published():
    controller, arm = make()
    run(controller, arm, 0.004)
    gains = np.array([0.5, 0.5, 0.5, 0.0, 0.0, 0.0])
    quat = np.array([1.0, 0.0, 0.0, 0.0])
    torques = {}
    for name, contact in (("free", 0.0), ("pressed", -4.0)):
        arm.time_s += 0.01
        update = motion(stamp_s=arm.time_s, position=X_HOME[:3, 3], quat_xyzw=quat, feedback_gains_at_tip=gains)
        controller.command_motion(update, arm.time_s)
        wrench = np.array([0.0, 0.0, contact, 0.0, 0.0, 0.0])
        torques[name] = controller.tick(arm.state(), wrench, arm.time_s).values
    extra = np.linalg.solve(MODEL.dynamics(HOME).J_base_tcp.T, torques["pressed"] - torques["free"])
    # pushed back with 4 N along -z of the tool, half of it is added to the push along +z
    assert (X_HOME[:3, :3].T @ extra[:3])[2] == pytest.approx(2.0, abs=1e-3)


def test_joint_updates_follow_their_target_and_the_mode_switch_holds():
    controller, arm = make()
    run(controller, arm, 0.004)
    controller.change_target_mode(2)
    goal = HOME + 0.05
    for _ in range(1500):
        now = arm.time_s
        update = joint(stamp_s=now, positions=goal, stiffness=np.full(6, 200.0), damping=np.full(6, 20.0))
        controller.command_joints(update, now, arm.q)
        arm.cycle(controller.tick(arm.state(), None, now))
    np.testing.assert_allclose(arm.q, goal, atol=2e-3)
    controller.change_target_mode(1)
    assert controller.tick(arm.state(), None, arm.time_s) is not None
    assert controller.report.mode is ControllerMode.HOLD


def test_joint_limits_push_back():
    controller, _ = make(ControlSettings(joint_limit_margin=0.1, joint_limit_stiffness=300.0))
    q = HOME.copy()
    q[5] = 2.0 * math.pi - 0.05
    arm = SteppedArm(MODEL, q)
    X = MODEL.dynamics(q).X_base_tcp
    free = ComplianceCommand(0.0, X, np.eye(4), np.zeros((6, 6)))
    controller.command_compliance(free, 0.0)
    out = controller.tick(arm.state(), None, 0.0)
    assert out.values[5] == pytest.approx(-300.0 * 0.05, rel=1e-6)


def test_a_position_controlled_arm_presses_with_the_feedforward_through_its_admittance():
    loop = ContactLoop(delay_s=0.004, lag_s=0.01, stiffness=40000.0, stiffness_rot=100.0)
    controller = ArmController(MODEL, ControlSettings(), command_mode=CommandMode.POSITION, loop=loop)
    arm = SteppedArm(MODEL, HOME)
    wall_z = X_HOME[2, 3] - 0.002
    stiffness = np.diag([2000.0, 2000.0, 0.0, 100.0, 100.0, 100.0])
    push = np.array([0.0, 0.0, 8.0, 0.0, 0.0, 0.0])
    peak, contact = 0.0, 0.0
    for _ in range(1500):
        now = arm.time_s
        X = MODEL.dynamics(arm.q).X_base_tcp
        depth = wall_z - X[2, 3]
        contact = max(0.0, 40000.0 * depth)
        in_tool = X[:3, :3].T @ np.array([0.0, 0.0, contact])
        controller.command_compliance(ComplianceCommand(now, X_HOME, np.eye(4), stiffness, feedforward=push), now)
        arm.cycle(controller.tick(arm.state(), np.concatenate((in_tool, np.zeros(3))), now))
        peak = max(peak, contact)
    assert contact == pytest.approx(8.0, rel=0.02)
    assert peak < 1.5 * 8.0


def test_a_position_controlled_arm_needs_its_contact_loop():
    with pytest.raises(ValueError, match="ContactLoop"):
        ArmController(MODEL, ControlSettings(), command_mode=CommandMode.POSITION)


def test_contact_loop_agrees_with_the_pilot():
    # measured: D >= 0.32 kN s/m at 4 ms delay and 10 ms lag, 1.48 at 20 and 30 ms, contact 40 N/mm
    def light(delay_s, lag_s):
        return ContactLoop(delay_s, lag_s, 40000.0, 30.0, tool_mass_kg=0.0).least_damping()[0, 0]

    assert light(0.004, 0.010) == pytest.approx(509.0, rel=0.01)
    assert light(0.020, 0.030) > 1480.0


def test_the_inertia_of_the_law_costs_damping():
    loop = ContactLoop(0.010, 0.010, 40000.0, 30.0, tool_mass_kg=1.0)
    damping = loop.least_damping()[0, 0]
    assert damping == pytest.approx(40000.0 * (0.020 + 3.0 / damping) / 1.1, rel=1e-6)


def test_inverse_is_exact():
    np.testing.assert_allclose(invert_pose(X_TCP_TIP) @ X_TCP_TIP, np.eye(4), atol=1e-15)
