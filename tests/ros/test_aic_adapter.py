"""The node `aic_adapter` on the graph: names, quality of service, cameras triggered no faster than they are."""

import pytest
from aic_control_interfaces.msg import ControllerState
from aic_model_interfaces.msg import Observation
from geometry_msgs.msg import WrenchStamped
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Empty
from std_srvs.srv import Trigger

from cablecell.ros import qos
from cablecell.ros.conversions import fill_time
from tests.support.arm_node import end, start_node
from tests.support.graph import GraphClient
from tests.support.wait import wait_until


@pytest.fixture
def client():
    with GraphClient("cell") as client:
        process = start_node("aic_adapter")
        with process:
            yield client
            end(process)


def test_it_observes_what_it_has_triggered(client):
    node = client.node
    seen = client.collect(Observation, "/observations", 10)
    states = client.collect(ControllerState, "/aic_controller/controller_state", 10)
    wrenches = client.collect(WrenchStamped, "/fts_broadcaster/wrench", 10)
    triggers = client.collect(Empty, "/camera_trigger", qos.COMMAND)
    tares = []
    node.create_service(Trigger, "/tare_force_torque_sensor", lambda _, answer: tares.append(1) or taken(answer))
    raw = node.create_publisher(WrenchStamped, "/wrench_raw", qos.MEASUREMENT)
    arm = node.create_publisher(ControllerState, "/controller_state", qos.MEASUREMENT)
    cameras = {
        side: (
            node.create_publisher(CameraInfo, f"/{side}_camera/camera_info", qos.IMAGE),
            node.create_publisher(Image, f"/{side}_camera/image", qos.IMAGE),
        )
        for side in ("left", "center", "right")
    }
    wait_until(lambda: all(p.get_subscription_count() for pair in cameras.values() for p in pair), what="subscriptions")
    wait_until(lambda: len(triggers) == 2, what="two triggers, and no third while nothing comes")

    wrench, state = WrenchStamped(), ControllerState()
    wrench.wrench.force.z, state.tcp_pose.orientation.w = -9.5, 1.0
    for at_ms in range(40):
        for publisher, message in ((raw, wrench), (arm, state)):
            fill_time(message.header.stamp, at_ms * 1_000_000)
            publisher.publish(message)
        wait_until(lambda count=at_ms: len(states) > count)
    wait_until(lambda: len(wrenches) == 8)
    assert wrenches[-1].header.frame_id == "ati/tool_link"
    assert states[-1].fts_tare_offset.wrench.force.z == 0.0
    answer = client.call(Trigger, "/aic_controller/tare_force_torque_sensor", Trigger.Request())
    assert answer.success, answer.message
    wait_until(lambda: tares, what="the controller is tared as well")
    arm.publish(state)
    wait_until(lambda: len(states) == 41)
    assert states[-1].fts_tare_offset.wrench.force.z == pytest.approx(-9.5)

    before = len(triggers)
    for info, image in cameras.values():
        for publisher, message in ((info, CameraInfo()), (image, Image(height=2, width=2, encoding="rgb8", step=6))):
            fill_time(message.header.stamp, 30_000_000)
            publisher.publish(message)
    wait_until(lambda: seen, what="an observation")
    assert seen[0].wrist_wrench.header.stamp.nanosec == 30_000_000
    assert seen[0].controller_state.header.stamp.nanosec == 30_000_000
    wait_until(lambda: len(triggers) > before, what="the next trigger")
    (info,) = node.get_publishers_info_by_topic("/observations")
    assert (info.node_name, info.qos_profile.reliability) == ("aic_adapter_node", ReliabilityPolicy.RELIABLE)
    assert info.qos_profile.durability == DurabilityPolicy.VOLATILE


def taken(answer):
    answer.success = True
    return answer
