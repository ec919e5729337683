"""The skill's setpoints as motion updates: the same pose, stiffness and wrench, told at another point."""

import numpy as np
import pytest
from builtin_interfaces.msg import Time

from cablecell.core.control import validation
from cablecell.core.control.command import ComplianceCommand
from cablecell.core.geometry import exp_so3, invert_pose, make_pose, rotate_six, shift_wrench
from cablecell.policies.eyes import board_with
from cablecell.policies.setpoints import SetpointWriter
from cablecell.ros.conversions import motion_update, pose_to_matrix

X_TCP_TIP = make_pose(exp_so3(np.array([0.36, 0.02, -0.05])), [0.0, -0.0207, 0.0541])
SOFT = np.diag([800.0, 800.0, 0.0, 2.0, 2.0, 1.0])


def command(z=0.1, stiffness=SOFT, feedforward=(0.0, 0.0, 10.0, 0.0, 0.1, 0.0)):
    X = make_pose(exp_so3(np.array([3.0, 0.1, 0.2])), [-0.38, 0.21, z])
    return ComplianceCommand(0.0, X, X_TCP_TIP, stiffness, damping_ratio=0.8, feedforward=np.array(feedforward))


def test_the_pose_is_that_of_the_tool():
    setpoint = command()
    update = SetpointWriter().write(setpoint, Time(sec=5))
    X = pose_to_matrix("pose", update.pose)
    np.testing.assert_allclose(X @ X_TCP_TIP, setpoint.X_base_target, atol=1e-9)
    assert (update.header.frame_id, update.header.stamp.sec) == ("base_link", 5)
    assert update.trajectory_generation_mode.mode == 2
    assert list(update.wrench_feedback_gains_at_tip) == [0.0] * 6


def test_a_small_displacement_is_answered_by_the_same_wrench():
    setpoint = command()
    update = motion_update(SetpointWriter().write(setpoint, Time()))
    K = update.stiffness.reshape(6, 6)
    validation.require_gain_matrix("target_stiffness", K)
    validation.require_gain_matrix("target_damping", update.damping.reshape(6, 6))
    X_base_tcp = setpoint.X_base_target @ invert_pose(X_TCP_TIP)
    p, turn = np.array([1e-6, -2e-6, 3e-6]), np.array([2e-6, 1e-6, -1e-6])  # of the tool, in base axes
    at_tcp = K @ np.concatenate((p, turn))
    lever = (setpoint.X_base_target - X_base_tcp)[:3, 3]
    R = setpoint.X_base_target[:3, :3]
    moved = np.concatenate((p + np.cross(turn, lever), turn))
    at_tip = SOFT @ rotate_six(R.T, moved)
    in_base = rotate_six(R, at_tip)
    np.testing.assert_allclose(at_tcp, shift_wrench(in_base[:3], in_base[3:], -lever), atol=1e-12)


def test_the_push_is_along_the_plug_whatever_the_turn_of_the_tool():
    update = motion_update(SetpointWriter().write(command(), Time()))
    force, moment = update.feedforward_at_tip[:3], update.feedforward_at_tip[3:]
    np.testing.assert_allclose(force, 10.0 * X_TCP_TIP[:3, 2], atol=1e-12)
    expected = X_TCP_TIP[:3, :3] @ [0.0, 0.1, 0.0] + np.cross(X_TCP_TIP[:3, 3], force)
    np.testing.assert_allclose(moment, expected, atol=1e-12)


def test_where_there_is_no_stiffness_the_target_stands_still():
    writer = SetpointWriter()

    def depth(setpoint):
        X = pose_to_matrix("pose", writer.write(setpoint, Time()).pose) @ X_TCP_TIP
        return float(setpoint.X_base_target[:3, 2] @ X[:3, 3]), float(
            setpoint.X_base_target[:3, 2] @ setpoint.X_base_target[:3, 3]
        )

    first, wanted = depth(command(0.10))
    assert first == pytest.approx(wanted)
    second, wanted = depth(command(0.09))
    assert second == pytest.approx(first)
    assert second != pytest.approx(wanted, abs=1e-3)
    stiff = np.diag([800.0, 800.0, 500.0, 2.0, 2.0, 1.0])
    third, wanted = depth(command(0.08, stiff))
    assert third == pytest.approx(wanted)


@pytest.mark.parametrize("module", ["nic_card_mount_3", "sc_port_1"])
def test_a_policy_knows_of_the_board_what_its_task_says(module):
    assert list(board_with(module).modules()) == [module]
