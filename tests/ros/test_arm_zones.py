"""Zones of people in a running arm controller: how fast the arm really is, and that a stop stays."""

import threading
import time

import numpy as np
import pytest
from cablecell_interfaces.srv import SetSpeedScale
from geometry_msgs.msg import Pose, PoseArray

from cablecell.ros import qos
from tests.support.arm_node import ArmClient, start_node, turned
from tests.support.wait import wait_until

ZONES = """
silence_limit_s: 0.6
zones:
  - {name: far, low_m: [-4, -4, -1], high_m: [4, 4, 3], speed_scale: 0.25}
  - {name: near, low_m: [-1, -1, -1], high_m: [1, 1, 3], hold: true}
"""
FAR, NEAR = (3.0, 0.0, 1.0), (0.5, 0.0, 1.0)


class Sensor:
    """Says ten times a second where people are, until it is told to be silent."""

    def __init__(self, client):
        self.persons, self.frame = [], "base_link"
        self._out = client.node.create_publisher(PoseArray, "persons", qos.SENSOR)
        self._ending, self.is_silent = threading.Event(), False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while not self._ending.wait(0.1):
            message = PoseArray()
            message.header.frame_id = self.frame
            for point in self.persons:
                pose = Pose()
                pose.position.x, pose.position.y, pose.position.z = point
                message.poses.append(pose)
            if not self.is_silent:
                self._out.publish(message)

    def close(self):
        self._ending.set()
        self._thread.join()


@pytest.fixture(scope="module")
def client():
    with ArmClient() as graph:
        yield graph


@pytest.fixture(scope="module")
def node(client, tmp_path_factory):
    file = tmp_path_factory.mktemp("zones") / "zones.yaml"
    file.write_text(ZONES)
    with start_node("arm_controller", "hardware:=mock", "autostart:=true", f"zones_file:={file}") as process:
        client.wait_until_ready()
        yield process


@pytest.fixture
def sensor(client, node):
    made = Sensor(client)
    wait_until(lambda: not zones(client)["occupied"], what="a free cell")
    wait_until(lambda: client.trigger("clear_stop").success, what="the stop to be cleared")
    yield made
    made.close()


def zones(client):
    status = next(
        status for message in reversed(client.reports) for status in message.status if status.name.endswith(": zones")
    )
    return {pair.key: pair.value for pair in status.values}


def apply(client, sensor, persons, accept, what):
    """Have people stand somewhere and wait until the arm says what follows."""
    sensor.persons = persons
    wait_until(lambda: accept(zones(client)), what=what)


def swing(client, by=0.4, while_it_runs=lambda: None):
    """Turn the first joint; return error code and fastest joint speed on the way, rad/s."""
    begin = len(client.joints)
    handle = client.send(client.goal(turned(client.q(), by), 1.0))
    while_it_runs()
    code = client.result(handle, timeout_s=30.0).result.error_code
    speeds = [abs(v) for message in client.joints[begin:] for v in message.velocity[:6]]
    return code, max(speeds)


def scale(client, share):
    request = SetSpeedScale.Request(speed_scale=share)
    assert client.call(SetSpeedScale, "set_speed_scale", request).error_code == 0


def test_somebody_far_slows_the_arm_down_and_no_request_makes_it_faster(client, sensor):
    code, free = swing(client)
    assert code == 0
    apply(client, sensor, [FAR], lambda said: said["occupied"] == "far", "the far zone")
    assert zones(client)["speed_scale"] == "0.250"
    scale(client, 1.0)
    code, slow = swing(client, by=-0.4)
    assert code == 0
    assert 0.2 * free < slow < 0.27 * free
    scale(client, 0.1)
    assert swing(client)[1] < 0.12 * free, "the smaller share applies"
    apply(client, sensor, [], lambda said: not said["occupied"], "that they have gone")
    assert swing(client, by=-0.4)[1] < 0.12 * free, "and it is the one that was asked for"
    scale(client, 1.0)
    assert swing(client)[1] > 0.9 * free


def test_somebody_near_stops_the_arm_until_that_is_cleared_after_the_zone_is_free(client, sensor):
    def come_near():
        time.sleep(0.3)
        sensor.persons = [NEAR]

    code, _ = swing(client, by=-0.4, while_it_runs=come_near)
    assert code != 0, "the motion was cut short"
    wait_until(lambda: zones(client)["held_by"] == "near", what="who stops it")
    assert zones(client)["code"] == "637"
    refused = client.trigger("clear_stop")
    assert not refused.success
    assert refused.message.startswith("code 638: the stop stays: somebody is in near")
    apply(client, sensor, [], lambda said: not said["occupied"], "that they have gone")
    q = client.q()
    time.sleep(0.5)
    assert np.allclose(client.q(), q, atol=1e-6), "nothing moves by itself"
    handle = client.ask(lambda: client.follow.send_goal_async(client.goal(turned(q, 0.1), 1.0)))
    assert not handle.accepted or client.result(handle).result.error_code != 0
    assert np.allclose(client.q(), q, atol=1e-6), "and nothing by command"
    assert client.trigger("clear_stop").success
    assert swing(client)[0] == 0


def test_a_silent_sensor_stops_the_arm(client, sensor):
    sensor.is_silent = True
    wait_until(lambda: zones(client)["is_silent"] == "True", what="that it is silent")
    wait_until(lambda: zones(client)["held_by"] == "near", what="that the arm is stopped")
    assert "silent" in client.trigger("clear_stop").message
    sensor.is_silent = False
    wait_until(lambda: client.trigger("clear_stop").success, what="the stop to be cleared")


def test_people_in_an_unknown_frame_are_as_good_as_silence(client, sensor):
    sensor.frame = "camera"
    wait_until(lambda: zones(client)["is_silent"] == "True", what="that nobody knows where they are")
    assert int(zones(client)["refused_messages"]) > 0
    sensor.frame = "base_link"
    wait_until(lambda: client.trigger("clear_stop").success, what="the stop to be cleared")
