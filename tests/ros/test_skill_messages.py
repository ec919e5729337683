"""What the skill makes of a port, and of a plug that was seen with it."""

import numpy as np
import pytest
from cablecell_interfaces.msg import PlugEstimate, PortEstimate, PortEstimateArray

from cablecell.composition.robot_description import load_robot_description
from cablecell.core.fusion.ports import in_parent_axes
from cablecell.core.geometry import exp_so3, make_pose
from cablecell.core.insertion.grasp import HeldPlug
from cablecell.core.motion.errors import RobotModelError
from cablecell.core.motion.model import RobotModel
from cablecell.ros.estimator_layout import load_layout
from cablecell.ros.planner_scene import PlanningScene
from cablecell.ros.pose_messages import to_pose
from cablecell.ros.skill_messages import estimates, sensor_height_m
from tests.support.fake_arm import FT_HEIGHT_M

X_PORT = make_pose(exp_so3(np.array([0.3, -0.2, 1.1])), (0.4, 0.1, 0.2))
X_SEEN = make_pose(exp_so3(np.array([0.01, 0.02, -0.03])), (0.001, -0.001, 0.03))
HELD = HeldPlug("cable_0", "sfp_tip", "sfp", make_pose(np.eye(3), (0.0, 0.0, 0.031)), 0.001, 0.02)
ALONE = np.diag([1e-8, 2e-8, 3e-8, 1e-6, 2e-6, 3e-6])
RELATIVE = np.diag([4e-8, 5e-8, 6e-8, 4e-6, 5e-6, 6e-6])


def port(*, is_seen_with_plug):
    message = PortEstimate(port_name="nic_card_mount_0/sfp_port_0", sources=PortEstimate.SOURCE_CAMERA)
    message.pose.pose = to_pose(X_PORT)
    message.pose.covariance = in_parent_axes(X_PORT, ALONE).ravel().tolist()
    if is_seen_with_plug:
        message.covariance_to_plug = in_parent_axes(X_PORT, RELATIVE).ravel().tolist()
    return message


def plug(name="sfp_tip", sources=PlugEstimate.SOURCE_CAMERA):
    message = PlugEstimate(plug_name=name, sources=sources)
    message.pose.pose = to_pose(X_SEEN)
    return message


def test_a_plug_that_was_seen_is_where_it_was_seen_and_the_port_carries_the_relative_covariance():
    found, tip = estimates(port(is_seen_with_plug=True), plug(), HELD)
    assert np.allclose(tip.X, X_SEEN)
    assert not tip.covariance.any()
    assert np.allclose(found.X, X_PORT)
    assert np.allclose(found.covariance, RELATIVE)


@pytest.mark.parametrize(
    ("message", "seen"),
    [
        (PlugEstimate(), True),
        (plug(sources=PlugEstimate.SOURCE_GRASP_MODEL), True),
        (plug("sc_tip"), True),
        (plug(), False),
    ],
)
def test_without_a_measurement_of_this_plug_the_designed_grasp_counts(message, seen):
    found, tip = estimates(port(is_seen_with_plug=seen), message, HELD)
    assert np.allclose(tip.X, HELD.X_tcp_tip)
    assert np.allclose(tip.covariance, HELD.covariance)
    assert np.allclose(found.covariance, ALONE)


def test_the_planner_moves_the_held_plug_to_where_it_was_seen():
    model = RobotModel(load_robot_description())
    scene = PlanningScene(model, load_layout("", "trial_1"), assume_held=True, unseen_margin_m=0.01)
    designed = scene.held.X_tcp_tip
    scene.take_ports(PortEstimateArray(plug=plug("another_tip")))
    assert np.array_equal(scene.held.X_tcp_tip, designed)
    scene.take_ports(PortEstimateArray(plug=plug(scene.held.plug)))
    assert np.allclose(scene.held.X_tcp_tip, X_SEEN)


def test_the_place_of_the_sensor_is_that_of_the_description():
    urdf = load_robot_description()
    X_tcp_ft = RobotModel(urdf).relative_pose("tcp", "ft_frame")
    assert sensor_height_m(urdf) == pytest.approx(X_tcp_ft[2, 3], abs=1e-9)
    assert sensor_height_m(urdf) == pytest.approx(FT_HEIGHT_M)
    longer = urdf.replace('xyz="0 0 0.172"', 'xyz="0 0 0.2"')
    assert sensor_height_m(longer) == pytest.approx(FT_HEIGHT_M - 0.028)


@pytest.mark.parametrize(("was", "becomes"), [('xyz="0 0 0.172"', 'xyz="0 0.01 0.172"'), ('link="tcp"', 'link="tip"')])
def test_a_sensor_that_is_not_straight_behind_the_tool_is_refused(was, becomes):
    urdf = load_robot_description()
    assert was in urdf
    with pytest.raises(RobotModelError):
        sensor_height_m(urdf.replace(was, becomes))
