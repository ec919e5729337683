"""The AIC command semantics: what is accepted, what is refused with which code, and that a refusal changes nothing."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from cablecell.core.config.control import ControlSettings
from cablecell.core.control.command import JointMotionUpdate, MotionUpdate
from cablecell.core.control.errors import (
    BadGainsError,
    BadQuaternionError,
    CommandModeError,
    CommandSizeError,
    FutureCommandError,
    NonFiniteCommandError,
    StaleCommandError,
    UnknownFrameError,
)
from cablecell.core.control.interpreter import CommandInterpreter
from cablecell.core.geometry import exp_so3, make_pose

NOW = 10.0
X_TCP = make_pose(exp_so3([math.pi, 0.0, 0.0]), [0.3, 0.1, 0.4])


def motion(**changes) -> MotionUpdate:
    base = MotionUpdate(
        stamp_s=NOW,
        frame_id="base_link",
        position=np.array([0.3, 0.1, 0.35]),
        quat_xyzw=np.array([1.0, 0.0, 0.0, 0.0]),
        velocity=np.zeros(6),
        stiffness=np.diag([90.0, 90.0, 90.0, 50.0, 50.0, 50.0]).ravel(),
        damping=np.diag([50.0, 50.0, 50.0, 20.0, 20.0, 20.0]).ravel(),
        feedforward_at_tip=np.zeros(6),
        feedback_gains_at_tip=np.array([0.5, 0.5, 0.5, 0.0, 0.0, 0.0]),
        mode=2,
    )
    return dataclasses.replace(base, **changes)


def joint(**changes) -> JointMotionUpdate:
    base = JointMotionUpdate(
        stamp_s=NOW,
        positions=np.full(6, 0.1),
        velocities=np.zeros(6),
        stiffness=np.full(6, 100.0),
        damping=np.full(6, 40.0),
        feedforward_torque=np.zeros(0),
        mode=2,
    )
    return dataclasses.replace(base, **changes)


def accept(interpreter: CommandInterpreter, update: MotionUpdate, now: float = NOW) -> None:
    interpreter.accept_motion(update, now, X_TCP)


def asymmetric() -> np.ndarray:
    matrix = np.diag([90.0] * 6)
    matrix[0, 1] = 5.0
    return matrix.ravel()


REFUSED = [
    ({"position": np.array([np.nan, 0, 0])}, NonFiniteCommandError, r"pose.position\[0\] = nan is not finite"),
    (
        {"feedforward_at_tip": np.array([0, 0, np.inf, 0, 0, 0])},
        NonFiniteCommandError,
        r"feedforward_wrench_at_tip\[2\]",
    ),
    ({"stamp_s": math.nan}, NonFiniteCommandError, "stamp is not finite"),
    ({"quat_xyzw": np.zeros(4)}, BadQuaternionError, "has norm 0; it must be 1 within"),
    ({"quat_xyzw": np.array([0, 0, 0, 1.1])}, BadQuaternionError, "has norm 1.1"),
    ({"stiffness": np.diag([90.0, -1.0, 90, 50, 50, 50]).ravel()}, BadGainsError, "negative eigenvalue -1"),
    ({"stiffness": asymmetric()}, BadGainsError, r"not symmetric: \[0,1\] = 5 but \[1,0\] = 0"),
    ({"damping": np.diag([-5.0] * 6).ravel()}, BadGainsError, "target_damping has a negative eigenvalue -5"),
    ({"feedback_gains_at_tip": np.array([0, 0, 0.96, 0, 0, 0])}, BadGainsError, r"\[2\] = 0.96 is outside \[0, 0.95\]"),
    ({"feedback_gains_at_tip": np.array([-0.1, 0, 0, 0, 0, 0])}, BadGainsError, r"\[0\] = -0.1 is outside"),
    ({"stamp_s": NOW - 0.3}, StaleCommandError, "stamp is 0.300 s old; the limit is 0.2 s"),
    ({"stamp_s": NOW + 0.2}, FutureCommandError, "0.200 s ahead of the controller's clock; the limit is 0.05 s"),
    (
        {"frame_id": "world"},
        UnknownFrameError,
        "frame_id 'world' is not a command frame; valid are base_link, tcp, gripper/tcp",
    ),
    ({"mode": 0}, CommandModeError, r"valid are 1 \(VELOCITY\), 2 \(POSITION\)"),
    ({"mode": 3}, CommandModeError, "trajectory_generation_mode = 3"),
    ({"stiffness": np.zeros(35)}, CommandSizeError, "target_stiffness has 35 values; 36 are needed"),
]


@pytest.mark.parametrize(("changes", "error", "match"), REFUSED)
def test_bad_motion_updates_are_refused_and_change_nothing(changes, error, match):
    interpreter = CommandInterpreter(ControlSettings())
    accept(interpreter, motion(stamp_s=NOW - 0.1), NOW - 0.1)
    before = interpreter.cartesian_setpoint(X_TCP, X_TCP, is_held=False)
    with pytest.raises(error, match=match):
        accept(interpreter, motion(**changes))
    after = interpreter.cartesian_setpoint(X_TCP, X_TCP, is_held=False)
    for field in dataclasses.fields(before):
        np.testing.assert_array_equal(getattr(before, field.name), getattr(after, field.name))
    assert interpreter.accepted_at_s == NOW - 0.1


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"positions": np.zeros(5)}, CommandSizeError, "positions has 5 values; 6 are needed"),
        ({"feedforward_torque": np.zeros(3)}, CommandSizeError, "target_feedforward_torque has 3 values"),
        ({"positions": np.full(6, np.nan)}, NonFiniteCommandError, r"positions\[0\] = nan"),
        (
            {"stiffness": np.array([1.0, -2.0, 1, 1, 1, 1])},
            BadGainsError,
            r"target_stiffness\[1\] = -2 N\*m/rad is negative",
        ),
        ({"mode": 0}, CommandModeError, "trajectory_generation_mode = 0"),
        ({"stamp_s": NOW - 1.0}, StaleCommandError, "1.000 s old"),
    ],
)
def test_bad_joint_updates_are_refused(changes, error, match):
    interpreter = CommandInterpreter(ControlSettings())
    interpreter.change_target_mode(2)
    with pytest.raises(error, match=match):
        interpreter.accept_joint(joint(**changes), NOW, np.zeros(6))
    assert not interpreter.has_command


def test_stamps_must_not_go_back():
    interpreter = CommandInterpreter(ControlSettings())
    accept(interpreter, motion())
    with pytest.raises(StaleCommandError, match="older than the last accepted command"):
        accept(interpreter, motion(stamp_s=NOW - 0.05))


def test_a_tcp_pose_is_an_offset_from_the_tcp_at_acceptance():
    interpreter = CommandInterpreter(ControlSettings())
    offset = np.array([0.0, 0.0, 0.02])
    accept(interpreter, motion(frame_id="tcp", position=offset, quat_xyzw=np.array([0.0, 0, 0, 1])))
    moved = X_TCP.copy()
    moved[0, 3] += 0.1
    setpoint = interpreter.cartesian_setpoint(moved, moved, is_held=False)
    # z of the tool points down, so 20 mm along it is 20 mm lower; the later motion of the tcp does not matter
    np.testing.assert_allclose(setpoint.X_base_target[:3, 3], [0.3, 0.1, 0.38], atol=1e-12)


def test_the_same_stamp_again_is_the_same_command():
    interpreter = CommandInterpreter(ControlSettings())
    update = motion(frame_id="tcp", position=np.array([0.0, 0.0, 0.02]), quat_xyzw=np.array([0.0, 0, 0, 1]))
    accept(interpreter, update)
    moved = X_TCP.copy()
    moved[2, 3] -= 0.02
    interpreter.accept_motion(update, NOW + 0.01, moved)
    setpoint = interpreter.cartesian_setpoint(moved, moved, is_held=False)
    assert setpoint.X_base_target[2, 3] == pytest.approx(0.38)


def test_velocity_mode_moves_the_reference_from_where_it_is_and_keeps_the_speed_limit():
    interpreter = CommandInterpreter(ControlSettings(linear_speed=0.1))
    accept(interpreter, motion(mode=1, velocity=np.array([0.3, 0.4, 0, 0, 0, 0])))
    reference = X_TCP.copy()
    reference[0, 3] += 0.03
    setpoint = interpreter.cartesian_setpoint(X_TCP, reference, is_held=False)
    np.testing.assert_array_equal(setpoint.X_base_target, reference)
    # 0.5 m/s is scaled as a whole to 0.1 m/s: the direction stays
    np.testing.assert_allclose(reference[:3, :3] @ setpoint.twist[:3], [0.06, 0.08, 0.0], atol=1e-9)


def test_a_twist_in_the_tcp_frame_is_turned_with_the_tool():
    interpreter = CommandInterpreter(ControlSettings())
    accept(interpreter, motion(mode=1, frame_id="tcp", velocity=np.array([0, 0, 0.05, 0, 0, 0])))
    setpoint = interpreter.cartesian_setpoint(X_TCP, X_TCP, is_held=False)
    # z of the tool points down
    np.testing.assert_allclose(X_TCP[:3, :3] @ setpoint.twist[:3], [0.0, 0.0, -0.05], atol=1e-12)


def test_a_held_velocity_command_stands_still():
    interpreter = CommandInterpreter(ControlSettings())
    accept(interpreter, motion(mode=1, velocity=np.array([0.05, 0, 0, 0, 0, 0])))
    first = interpreter.cartesian_setpoint(X_TCP, X_TCP, is_held=True)
    second = interpreter.cartesian_setpoint(X_TCP, X_TCP, is_held=True)
    np.testing.assert_array_equal(first.X_base_target, second.X_base_target)
    assert not second.twist.any()


def test_stiffness_is_meant_in_base_axes():
    interpreter = CommandInterpreter(ControlSettings())
    stiffness = np.diag([100.0, 200.0, 300.0, 1.0, 2.0, 3.0])
    quarter = np.array([0.0, 0.0, math.sqrt(0.5), math.sqrt(0.5)])
    accept(interpreter, motion(stiffness=stiffness.ravel(), quat_xyzw=quarter))
    setpoint = interpreter.cartesian_setpoint(X_TCP, X_TCP, is_held=False)
    # x of the target is y of the base
    np.testing.assert_allclose(np.diag(setpoint.stiffness), [200.0, 100.0, 300.0, 2.0, 1.0, 3.0], atol=1e-9)


def test_changing_the_target_mode_drops_the_pending_command():
    interpreter = CommandInterpreter(ControlSettings())
    accept(interpreter, motion())
    interpreter.change_target_mode(1)
    assert interpreter.has_command  # the same mode: nothing happens
    interpreter.change_target_mode(2)
    assert not interpreter.has_command
    with pytest.raises(CommandModeError, match="a CARTESIAN command came while the target mode is JOINT"):
        accept(interpreter, motion())
    with pytest.raises(CommandModeError, match="target_mode = 0"):
        interpreter.change_target_mode(0)
