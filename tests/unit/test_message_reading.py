"""What a person types becomes a message, or one clear error."""

from __future__ import annotations

import math
from typing import Any

import pytest
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Polygon, PoseStamped, PoseWithCovariance
from sensor_msgs.msg import Image, JointState, RegionOfInterest
from shape_msgs.msg import SolidPrimitive
from std_msgs.msg import Bool, Byte, ByteMultiArray, Float32, Float64, Int8, String, UInt64
from std_srvs.srv import SetBool

from cablecell.ros.message_data import MessageDataError, fill_message, message_from_yaml, stamp_now


@pytest.mark.parametrize(
    ("cls", "text", "expected"),
    [
        (Float64, "data: 3", 3.0),
        (Float64, "data: 1e3", 1000.0),  # text in YAML 1.1
        (Float64, "data: -.inf", -math.inf),
        (Float64, "data: '-inf'", -math.inf),
        (Float32, "data: 3.4028234e38", pytest.approx(3.4028234e38)),
        (Int8, "data: -128", -128),
        (Int8, "data: '0x7f'", 127),
        (Int8, "data: 3.0", 3),
        (UInt64, "data: 18446744073709551615", 2**64 - 1),
        (Bool, "data: yes", True),
        (Bool, "data: 0", False),
        (String, "data: 5", "5"),
        (String, "data: 'true'", "true"),
        (String, "", ""),
        (Byte, "data: 200", b"\xc8"),
    ],
)
def test_scalars(cls: type[Any], text: str, expected: object) -> None:
    assert message_from_yaml(cls, text)[0].data == expected


def test_not_a_number_is_a_float() -> None:
    assert math.isnan(message_from_yaml(Float64, "data: .nan")[0].data)
    assert math.isnan(message_from_yaml(Float32, "data: nan")[0].data)


def test_arrays_of_every_kind() -> None:
    joints = message_from_yaml(JointState, "{name: [a, b], position: [1, 2.5]}")[0]
    assert joints.name == ["a", "b"]
    assert list(joints.position) == [1.0, 2.5]
    polygon = message_from_yaml(Polygon, "points: [{x: 1}, {y: 2}]")[0]
    assert [(point.x, point.y) for point in polygon.points] == [(1.0, 0.0), (0.0, 2.0)]
    image = message_from_yaml(Image, "data: !!binary AAEC")[0]
    assert bytes(image.data) == b"\x00\x01\x02"
    assert message_from_yaml(ByteMultiArray, "data: [0, 255]")[0].data == [b"\x00", b"\xff"]
    covariance = message_from_yaml(PoseWithCovariance, f"covariance: {[0.5] * 36}")[0].covariance
    assert covariance.tolist() == [0.5] * 36


@pytest.mark.parametrize(
    ("cls", "text", "parts"),
    [
        (Point, "{w: 1.0}", ["geometry_msgs/msg/Point", "'w'", "valid fields: x, y, z"]),
        (JointState, "{positiom: [1.0]}", ["'positiom'", "did you mean 'position'?", "header, name, position"]),
        (PoseStamped, "pose: {position: {x: a}}", ["'pose.position.x'", "PoseStamped", "'a'", "double: a number"]),
        (PoseStamped, "pose: {position: {q: 1}}", ["geometry_msgs/msg/Point", "'q'", "x, y, z"]),
        (PoseStamped, "pose: [1, 2]", ["'pose'", "[1, 2]", "mapping of the fields {position, orientation}"]),
        (PoseStamped, "header: 5", ["'header'", "5", "{stamp, frame_id}"]),
        (Polygon, "points: [{x: 1}, {x: z}]", ["'points[1].x'", "'z'", "float"]),
        (Polygon, "points: 3", ["'points'", "geometry_msgs/msg/Point32[]", "a list"]),
        (Int8, "data: 128", ["'data'", "128", "int8", "from -128 to 127"]),
        (Int8, "data: 1.5", ["1.5", "int8"]),
        (Int8, "data: true", ["True", "int8"]),
        (UInt64, "data: -1", ["-1", "0 to 18446744073709551615"]),
        (Float32, "data: 1.0e+39", ["1e+39", "3.402823e+38"]),
        (Float64, "data: true", ["True", "a number"]),
        (Bool, "data: 'false'", ["'false'", "true or false"]),
        (Bool, "data: 2", ["2", "true or false"]),
        (String, "data: [a]", ["['a']", "string", "quotes"]),
        (String, "data: yes", ["True", "quotes"]),
        (String, "data:", ["None", "string"]),
        (Image, "data: [1, 256]", ["'data[1]'", "256", "0 to 255"]),
        (PoseWithCovariance, "covariance: [1, 2]", ["'covariance'", "double[36]", "36 values, got 2"]),
        (SolidPrimitive, "dimensions: [1, 2, 3, 4]", ["'dimensions'", "double[<=3]", "at most 3 values, got 4"]),
        (RegionOfInterest, "- a", ["['a']", "mapping of the fields {x_offset"]),
        (String, "{data: [", ["std_msgs/msg/String", "YAML"]),
        (Time, "now", ["builtin_interfaces/msg/Time", "'now'"]),
        (SetBool.Request, "{dat: true}", ["std_srvs/srv/SetBool_Request", "'dat'", "valid fields: data"]),
    ],
)
def test_errors_say_which_field_value_and_type(cls: type[Any], text: str, parts: list[str]) -> None:
    with pytest.raises(MessageDataError) as caught:
        message_from_yaml(cls, text)
    for part in parts:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_errors_carry_what_they_say() -> None:
    with pytest.raises(MessageDataError) as caught:
        fill_message(Polygon(), {"points": [{"x": "z"}]})
    assert (caught.value.field, caught.value.value) == ("points[0].x", "z")
    with pytest.raises(MessageDataError) as caught:
        fill_message(Point(), {"w": 1})
    assert caught.value.valid_fields == ("x", "y", "z")


def test_long_values_are_shortened_in_errors() -> None:
    with pytest.raises(MessageDataError) as caught:
        fill_message(String(), {"data": list(range(10_000))})
    assert len(str(caught.value)) < 200


def test_now_and_auto_are_set_at_the_time_of_sending() -> None:
    message, stamps = message_from_yaml(PoseStamped, "header: auto", allow_now=True)
    stamp_now(stamps, Time(sec=7, nanosec=8))
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == (7, 8)
    message, stamps = message_from_yaml(PoseStamped, "header: {stamp: now, frame_id: map}", allow_now=True)
    stamp_now(stamps, Time(sec=9))
    assert (message.header.stamp.sec, message.header.frame_id) == (9, "map")


@pytest.mark.parametrize("text", ["header: auto", "header: {stamp: now}"])
def test_now_is_an_error_where_nothing_is_sent(text: str) -> None:
    with pytest.raises(MessageDataError):
        message_from_yaml(PoseStamped, text)
