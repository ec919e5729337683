"""Observations of policies are put together, and the force sensor is tared, as the challenge documents it."""

import numpy as np
import pytest
from aic_control_interfaces.msg import ControllerState
from geometry_msgs.msg import Pose, Wrench, WrenchStamped
from sensor_msgs.msg import CameraInfo, Image, JointState

from cablecell.core.config.trial import JOINT_NAMES
from cablecell.core.geometry import exp_so3, quat_from_rotation
from cablecell.ros.aic_observations import ObservationMaker, in_policy_order
from cablecell.ros.aic_tare import RotatingTare
from cablecell.ros.conversions import fill_time, fill_wrench, six, time_ns

MS = 1_000_000


def stamped(kind, ns, **fields):
    message = kind(**fields)
    fill_time(message.header.stamp, ns)
    return message


@pytest.fixture
def maker():
    maker = ObservationMaker()
    for side in ("left", "center", "right"):
        maker.take_info(side, stamped(CameraInfo, 1, width=288))
    return maker


def see(maker, left, center, right):
    images = {"left": left, "center": center, "right": right}
    return [maker.take_image(side, stamped(Image, ns)) for side, ns in images.items()]


def test_one_observation_for_one_set_of_images(maker):
    *early, seen = see(maker, 100 * MS, 100 * MS, 101 * MS)
    assert early == [None, None]
    assert seen.center_image.header.frame_id == "center_camera/optical"
    assert seen.right_camera_info.header.frame_id == "right_camera/optical"
    assert seen.right_camera_info.header.stamp == seen.right_image.header.stamp
    assert seen.left_camera_info.width == 288
    assert maker.take_image("right", stamped(Image, 100 * MS)) is None  # of the same moment, once


def test_images_of_different_moments_are_none(maker):
    assert see(maker, 100 * MS, 100 * MS, 102 * MS) == [None] * 3
    assert see(maker, 150 * MS, 150 * MS, 150 * MS)[-1] is not None


def test_without_camera_info_there_is_none():
    assert see(ObservationMaker(), MS, MS, MS) == [None] * 3


def test_the_newest_state_that_is_not_younger_than_the_image(maker):
    for ns in (96, 99, 104):
        maker.take_wrench(stamped(WrenchStamped, ns * MS))
        maker.take_state(stamped(ControllerState, (ns - 1) * MS))
    seen = see(maker, 100 * MS, 100 * MS, 100 * MS)[-1]
    assert time_ns(seen.wrist_wrench.header.stamp) == 99 * MS
    assert seen.wrist_wrench.header.frame_id == "ati/tool_link"
    assert time_ns(seen.controller_state.header.stamp) == 98 * MS
    assert list(seen.joint_states.position) == []  # none has come


def test_joints_are_in_the_policys_order_and_the_gripper_is_half_a_finger():
    names = ["gripper/left_finger_joint", *reversed(JOINT_NAMES)]
    numbers = [0.008, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0]
    ordered = in_policy_order(JointState(name=names, position=numbers, velocity=numbers, effort=numbers))
    assert list(ordered.name) == [*JOINT_NAMES, "gripper"]
    assert list(ordered.position) == list(ordered.velocity) == list(ordered.effort) == [1, 2, 3, 4, 5, 6, 0.004]
    assert list(in_policy_order(JointState(name=names, position=numbers)).position) == []
    assert list(in_policy_order(JointState(name=names[1:], position=numbers[1:])).name) == []


def posed(R):
    pose = Pose()
    o = pose.orientation
    o.x, o.y, o.z, o.w = quat_from_rotation(R).tolist()
    return pose


def reading(values):
    wrench = Wrench()
    fill_wrench(wrench, np.asarray(values, dtype=float))
    return wrench


def test_a_tare_takes_the_weight_away_in_every_orientation():
    tare = RotatingTare()
    assert "no reading" in tare.tare()
    R0, R1 = exp_so3(np.array([0.1, 3.0, 0.2])), exp_so3(np.array([0.7, -0.4, 1.1]))
    weight = np.array([0.0, 0.0, -9.81])
    tare.take_pose(posed(R0))
    for noise in (-0.2, 0.2):
        tare.take_reading(reading([*(R0.T @ weight + noise), 0.0, 0.0, 0.0]))
    assert tare.tare() == ""
    tare.take_pose(posed(R1))
    subtracted = Wrench()
    tare.fill(subtracted)
    np.testing.assert_allclose(six(subtracted.force, subtracted.torque)[:3], R1.T @ weight, atol=1e-12)


def test_a_dead_sensor_cannot_be_tared():
    tare = RotatingTare()
    tare.take_reading(reading(np.zeros(6)))
    assert "nothing at all" in tare.tare()
