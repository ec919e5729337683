"""The texts that `topic echo` shows, as the real tool writes them."""

from __future__ import annotations

import array

from geometry_msgs.msg import PoseWithCovariance, Vector3Stamped
from sensor_msgs.msg import Image, JointState
from shape_msgs.msg import SolidPrimitive
from std_msgs.msg import Byte, Empty, Float32, String

from cablecell.ros.message_data import Shortening, message_to_csv, message_to_data, message_to_yaml


def test_block_style() -> None:
    message = Vector3Stamped()
    message.header.frame_id = "tool0"
    message.vector.y = 1e20
    assert message_to_yaml(message) == (
        "header:\n  stamp:\n    sec: 0\n    nanosec: 0\n  frame_id: tool0\nvector:\n  x: 0.0\n  y: 1.0e+20\n  z: 0.0\n"
    )


def test_special_floats_empty_lists_and_unicode() -> None:
    joints = JointState(name=["ö: #"], position=[float("nan"), float("-inf")])
    text = message_to_yaml(joints)
    assert "name:\n- 'ö: #'\n" in text
    assert "position:\n- .nan\n- -.inf\n" in text
    assert text.endswith("velocity: []\neffort: []\n")


def test_long_lines_stay_lines() -> None:
    assert message_to_yaml(String(data="word " * 100)).count("\n") == 1


def test_equal_arrays_are_written_twice() -> None:
    values = array.array("d", [1.0, 2.0])
    text = message_to_yaml(JointState(position=values, velocity=values))
    assert "&id" not in text
    assert text.count("- 2.0\n") == 2


def test_shortening() -> None:
    image = Image(encoding="mono8" * 2, data=bytes(range(6)))
    data = message_to_data(image, Shortening(max_length=5))
    assert data["data"] == [0, 1, 2, 3, 4, "..."]
    assert data["encoding"] == "mono8..."
    assert message_to_data(image, Shortening(max_length=6))["data"] == [0, 1, 2, 3, 4, 5]


def test_notes_instead_of_arrays_and_texts() -> None:
    without = Shortening(arrays=False, strings=False)
    image = message_to_data(Image(encoding="mono8", data=bytes(6)), without)
    assert image["data"] == "<sequence type: uint8, length: 6>"
    assert image["encoding"] == "<string length: <5>>"
    assert message_to_data(PoseWithCovariance(), without)["covariance"] == "<array type: double[36]>"
    box = SolidPrimitive(dimensions=[1.0, 2.0])
    assert message_to_data(box, without)["dimensions"] == "<sequence type: double[3], length: 2>"
    joints = message_to_data(JointState(name=["a"]), without)
    assert joints["name"] == "<sequence type: string, length: 1>"


def test_bytes_32_bit_floats_and_nothing() -> None:
    assert message_to_data(Byte(data=b"A")) == {"data": "A"}
    assert message_to_data(Float32(data=0.5)) == {"data": 0.5}
    assert message_to_yaml(Empty()) == "{}\n"


def test_csv_keeps_the_place_of_an_empty_array() -> None:
    joints = JointState(name=["a", "b"], position=[0.5, 1.5])
    joints.header.stamp.sec = 3
    assert message_to_csv(joints) == "3,0,,a,b,0.5,1.5,,"
