"""Every topic in the shipped RViz configuration is published, with a message and a durability that RViz can take."""

import re
from pathlib import Path

import pytest
import yaml
from rclpy.qos import DurabilityPolicy

from cablecell.ros import qos
from cablecell.ros.reference_topics import published_topics
from cablecell.ros.teleop_marker import NAMESPACE

ROOT = Path(__file__).resolve().parents[2]
CONFIG = yaml.safe_load((ROOT / "config" / "rviz" / "cell.rviz").read_text())
DISPLAYS = CONFIG["Visualization Manager"]["Displays"]
MESSAGES = {"RobotModel": "String", "MarkerArray": "MarkerArray", "Wrench": "WrenchStamped", "Image": "Image"}
"""What a display wants to get."""

SHOWN = [
    (display["Class"].split("/")[1], display.get("Topic") or display.get("Description Topic"))
    for display in DISPLAYS
    if "Topic" in display or "Description Topic" in display
]


def publisher_of(name):
    for topic in published_topics():
        pattern = re.sub(r"\\\{.*?\\\}", "[a-z]+", re.escape(topic.name))
        if re.fullmatch(f"/{pattern.lstrip('/')}", name):
            return topic
    raise AssertionError(f"nobody publishes {name}")


@pytest.mark.parametrize(("display", "topic"), SHOWN, ids=[topic["Value"] for _, topic in SHOWN])
def test_topic_is_published_as_rviz_wants_it(display, topic):
    published = publisher_of(topic["Value"])
    assert published.type_name == MESSAGES[display]
    is_latched = getattr(qos, published.qos).durability is DurabilityPolicy.TRANSIENT_LOCAL
    assert topic["Durability Policy"] == ("Transient Local" if is_latched else "Volatile")


def test_the_file_shows_what_it_promises():
    kinds = {display["Class"].split("/")[1] for display in DISPLAYS}
    assert {"RobotModel", "TF", "InteractiveMarkers", "Wrench", "Image", "MarkerArray"} <= kinds
    values = {topic["Value"] for _, topic in SHOWN}
    assert {"/port_markers", "/held_plug_markers", "/preview", "/wrench", "/center_camera/image"} <= values


def test_the_marker_of_teleoperation_is_shown():
    (display,) = (display for display in DISPLAYS if display["Class"].endswith("/InteractiveMarkers"))
    assert display["Interactive Markers Namespace"] == f"/{NAMESPACE}"
    assert any(topic.name == f"{NAMESPACE}/update" for topic in published_topics())


def test_a_topic_that_nobody_publishes_is_found():
    with pytest.raises(AssertionError, match="nobody publishes /nothing"):
        publisher_of("/nothing")
