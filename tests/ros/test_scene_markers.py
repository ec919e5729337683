"""What RViz is shown of ports, held plug and cable."""

import json

import numpy as np
import pytest
from cablecell_interfaces.msg import PortEstimate, PortEstimateArray
from std_msgs.msg import String
from visualization_msgs.msg import Marker, MarkerArray

from cablecell.core.geometry import exp_so3, make_pose
from cablecell.ros import conversions, qos
from cablecell.ros.scene_drawing import ellipsoid_axes
from tests.support.arm_node import start_node
from tests.support.cell_graph import simulation_entities
from tests.support.graph import GraphClient
from tests.support.wait import wait_until


def port(name, *, sigma_m, sources):
    message = PortEstimate(port_name=name, connector_type="sfp", sources=sources)
    message.header.frame_id = "base_link"
    turn = exp_so3([0.3, 0.0, 0.0])
    conversions.fill_pose(message.pose.pose, make_pose(turn, [0.1, 0.2, 0.3]))
    message.pose.covariance = np.diag([sigma_m**2, sigma_m**2, 4.0 * sigma_m**2, 1e-5, 1e-5, 1e-5]).ravel()
    return message


@pytest.fixture
def screen():
    """A client that sees what RViz would, and the node."""
    with GraphClient() as client, start_node("scene_markers"):
        client.ports = client.node.create_publisher(PortEstimateArray, "ports", qos.STATE)
        client.plugs = client.node.create_publisher(String, "cell/held_plug", qos.STATE)
        client.port_markers = client.collect(MarkerArray, "port_markers", qos.STATE)
        client.held_markers = client.collect(MarkerArray, "held_plug_markers", qos.STATE)
        yield client


def of_kind(array, kind):
    return [marker for marker in array.markers if marker.type == kind and marker.action == Marker.ADD]


def test_a_port_is_an_ellipsoid_with_an_arrow_and_a_name(screen):
    seen, assumed = PortEstimate.SOURCE_BOARD_MODEL | PortEstimate.SOURCE_CAMERA, PortEstimate.SOURCE_BOARD_MODEL
    screen.ports.publish(
        PortEstimateArray(ports=[port("a", sigma_m=0.001, sources=seen), port("b", sigma_m=0.004, sources=assumed)])
    )
    wait_until(lambda: screen.port_markers, timeout_s=20.0, what="markers")
    array = screen.port_markers[-1]
    assert array.markers[0].action == Marker.DELETEALL
    spheres = of_kind(array, Marker.SPHERE)
    axes = sorted((spheres[0].scale.x, spheres[0].scale.y, spheres[0].scale.z))
    np.testing.assert_allclose(axes, [0.006, 0.006, 0.012])
    assert spheres[0].color != spheres[1].color, "one was seen, the other is only designed"
    arrow = of_kind(array, Marker.ARROW)[0]
    tip = np.array(conversions.vector(arrow.points[1]))
    direction = tip - conversions.vector(arrow.points[0])
    np.testing.assert_allclose(tip, [0.1, 0.2, 0.3])
    np.testing.assert_allclose(direction / 0.03, exp_so3([0.3, 0.0, 0.0])[:, 2], atol=1e-9)
    assert [marker.text for marker in of_kind(array, Marker.TEXT_VIEW_FACING)] == ["a", "b"]
    assert simulation_entities(screen, ("scene_markers",)) == []


def test_the_held_plug_moves_with_the_tool_and_shows_its_cable(screen):
    held = {
        "cable": "cable_0",
        "plug": "sfp_tip",
        "connector": "sfp",
        "position_m": [0.0, 0.0, 0.05],
        "quat_xyzw": [0.0, 0.0, 0.0, 1.0],
        "position_sigma_m": 0.001,
        "rotation_sigma_rad": 0.01,
    }
    screen.plugs.publish(String(data=json.dumps(held)))
    wait_until(lambda: screen.held_markers, timeout_s=20.0, what="markers")
    array = screen.held_markers[-1]
    boxes, (cable,) = of_kind(array, Marker.CUBE), of_kind(array, Marker.LINE_STRIP)
    assert boxes
    assert {marker.header.frame_id for marker in [*boxes, cable]} == {"tcp"}
    assert cable.points[0].z - cable.points[1].z == pytest.approx(0.08)
    screen.plugs.publish(String(data="{"))  # cannot be read: what is shown stays
    screen.plugs.publish(String(data=""))
    wait_until(lambda: len(screen.held_markers) >= 2, what="an empty gripper")
    assert {marker.action for marker in screen.held_markers[-1].markers} == {Marker.DELETEALL}


def test_axes_of_an_ellipsoid_turn_with_the_covariance():
    R = exp_so3([0.2, -0.5, 0.9])
    sigmas = np.array([0.001, 0.002, 0.004])
    axes, turn = ellipsoid_axes(R @ np.diag(sigmas**2) @ R.T, 3.0)
    np.testing.assert_allclose(axes, 6.0 * sigmas)
    assert np.linalg.det(turn) == pytest.approx(1.0)
    np.testing.assert_allclose(turn @ np.diag((axes / 6.0) ** 2) @ turn.T, R @ np.diag(sigmas**2) @ R.T, atol=1e-12)
