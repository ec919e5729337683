"""A process that must not be held up does without shared memory, and is found all the same."""

from __future__ import annotations

import sys

import pytest
from std_msgs.msg import String

from cablecell.ros import qos
from cablecell.ros.prompt_transports import PROFILE, use_prompt_transports
from tests.support.graph import GraphClient, Process
from tests.support.wait import wait_until

SPEAKER = """
import sys, time
from pathlib import Path
from cablecell.ros.prompt_transports import use_prompt_transports
if sys.argv[1] == "prompt":
    use_prompt_transports()
import rclpy
from std_msgs.msg import String
rclpy.init()
node = rclpy.create_node("speaker")
publisher = node.create_publisher(String, "said", 10)
maps = Path("/proc/self/maps").read_text()
shared = "/dev/shm/fastrtps_" in maps or "/dev/shm/fastdds_" in maps
print("ready", flush=True)
while True:
    publisher.publish(String(data="shared memory" if shared else "no shared memory"))
    time.sleep(0.02)
"""


@pytest.mark.parametrize(("how", "expected"), [("prompt", "no shared memory"), ("plain", "shared memory")])
def test_it_is_heard_with_and_without_shared_memory(how, expected):
    with GraphClient() as client:
        heard = client.collect(String, "said", qos.MEASUREMENT)
        with Process(sys.executable, "-c", SPEAKER, how) as speaker:
            speaker.wait_for_output("ready", timeout_s=10.0)
            wait_until(lambda: heard, timeout_s=10.0, what=speaker.output)
    assert heard[0].data == expected


def test_the_loopback_range_gets_the_same_without_shared_memory():
    env = {"ROS_AUTOMATIC_DISCOVERY_RANGE": "localhost", "FASTDDS_BUILTIN_TRANSPORTS": "LARGE_DATA"}
    use_prompt_transports(env)
    assert env["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "SYSTEM_DEFAULT"
    assert env["FASTRTPS_DEFAULT_PROFILES_FILE"] == str(PROFILE)
    assert PROFILE.is_file()


def test_another_range_keeps_its_discovery():
    env = {}
    use_prompt_transports(env)
    assert env == {"FASTDDS_BUILTIN_TRANSPORTS": "UDPv4"}


@pytest.mark.parametrize(
    "env",
    [
        {"RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp", "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"},
        {"FASTRTPS_DEFAULT_PROFILES_FILE": "/mine.xml", "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"},
        {"FASTDDS_BUILTIN_TRANSPORTS": "SHM", "ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET"},
    ],
)
def test_what_the_user_has_configured_stays(env):
    before = dict(env)
    use_prompt_transports(env)
    assert env == before
