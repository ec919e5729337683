"""Transforming and converting stamped messages through the buffer.

With the real packages the message types are registered by importing ``tf2_geometry_msgs``; ours registers them itself.
"""

from __future__ import annotations

import importlib
import importlib.util
import math

import numpy as np
import pytest
from geometry_msgs.msg import (
    Point32,
    PointStamped,
    PolygonStamped,
    PoseStamped,
    PoseWithCovarianceStamped,
    TwistStamped,
    Vector3Stamped,
)
from std_msgs.msg import Header
from tf2_ros import Buffer, ConvertRegistration, LookupException, TransformRegistration, TypeException, convert

from tests.support.tf2_messages import LATEST, about_z, at, transform

if importlib.util.find_spec("tf2_geometry_msgs") is not None:
    importlib.import_module("tf2_geometry_msgs")


@pytest.fixture
def buffer() -> Buffer:
    """Frame tool is turned by 90° about z and stands at (1, 2, 3) in base."""
    buffer = Buffer()
    buffer.set_transform(transform("base", "tool", 1.0, (1.0, 2.0, 3.0), about_z(math.pi / 2)), "test")
    return buffer


def tool_header() -> Header:
    return Header(frame_id="tool", stamp=at(1.0).to_msg())


def test_a_point_is_turned_and_moved(buffer):
    point = PointStamped(header=tool_header())
    point.point.x = 0.5
    moved = buffer.transform(point, "base")
    assert (moved.point.x, moved.point.y, moved.point.z) == pytest.approx((1.0, 2.5, 3.0))
    assert (moved.header.frame_id, moved.header.stamp.sec) == ("base", 1)
    assert (point.header.frame_id, point.point.x) == ("tool", 0.5)


def test_a_vector_is_only_turned(buffer):
    vector = Vector3Stamped(header=tool_header())
    vector.vector.x = 0.5
    moved = buffer.transform(vector, "base")
    assert (moved.vector.x, moved.vector.y, moved.vector.z) == pytest.approx((0.0, 0.5, 0.0), abs=1e-12)


def test_a_pose_is_turned_and_moved(buffer):
    pose = PoseStamped(header=tool_header())
    pose.pose.position.y = 1.0
    pose.pose.orientation.z, pose.pose.orientation.w = about_z(0.4)[2:]
    moved = buffer.transform(pose, "base").pose
    assert (moved.position.x, moved.position.y, moved.position.z) == pytest.approx((0.0, 2.0, 3.0), abs=1e-12)
    assert (moved.orientation.z, moved.orientation.w) == pytest.approx(about_z(math.pi / 2 + 0.4)[2:])


def test_a_covariance_is_turned_with_its_pose(buffer):
    pose = PoseWithCovarianceStamped(header=tool_header())
    pose.pose.pose.orientation.w = 1.0
    covariance = np.diag([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    covariance[0, 1] = covariance[1, 0] = 0.5
    pose.pose.covariance = covariance.ravel()
    moved = np.reshape(buffer.transform(pose, "base").pose.covariance, (6, 6))
    # a quarter turn swaps the axes and the sign between them
    assert np.diag(moved) == pytest.approx([2.0, 1.0, 3.0, 5.0, 4.0, 6.0])
    assert moved[0, 1] == pytest.approx(-0.5)


def test_a_polygon_is_moved_corner_by_corner(buffer):
    polygon = PolygonStamped(header=tool_header())
    polygon.polygon.points = [Point32(x=1.0), Point32(y=1.0)]
    moved = buffer.transform(polygon, "base").polygon.points
    assert [(corner.x, corner.y, corner.z) for corner in moved] == [
        pytest.approx((1.0, 3.0, 3.0), abs=1e-6), pytest.approx((0.0, 2.0, 3.0), abs=1e-6),
    ]  # fmt: skip


def test_transform_full_goes_through_the_fixed_frame(buffer):
    buffer.set_transform(transform("base", "tool", 2.0, (9.0, 2.0, 3.0), about_z(math.pi / 2)), "test")
    point = PointStamped(header=tool_header())
    # a point fixed in base that lay in the tool's origin at 1 s, seen from the tool at 2 s
    moved = buffer.transform_full(point, "tool", at(2.0), "base")
    assert (moved.point.x, moved.point.y) == pytest.approx((0.0, 8.0), abs=1e-12)


def test_transform_raises_what_the_lookup_raises(buffer):
    with pytest.raises(LookupException, match='"ghost" passed to lookupTransform'):
        buffer.transform(PointStamped(header=tool_header()), "ghost")


def test_an_unregistered_type_is_named(buffer):
    with pytest.raises(TypeException) as caught:
        buffer.transform(TwistStamped(header=tool_header()), "base")
    assert "TwistStamped" in caught.value.errstr
    assert "is not loaded or supported" in caught.value.errstr


class Pebble:
    """A user's own type."""

    def __init__(self, x: float, header: Header) -> None:
        self.x = x
        self.header = header


def test_a_user_can_register_types_and_conversions(buffer):
    TransformRegistration().add(
        Pebble, lambda pebble, moved_by: Pebble(pebble.x + moved_by.transform.translation.x, moved_by.header)
    )

    def to_message(pebble: Pebble) -> PointStamped:
        message = PointStamped(header=pebble.header)
        message.point.x = pebble.x
        return message

    ConvertRegistration().add_to_msg(Pebble, to_message)
    ConvertRegistration().add_from_msg(Pebble, lambda message: Pebble(message.point.x, message.header))
    ConvertRegistration().add_convert((Pebble, float), lambda pebble: pebble.x)

    pebble = buffer.transform(Pebble(0.5, tool_header()), "base")
    assert (pebble.x, pebble.header.frame_id) == (1.5, "base")
    assert buffer.transform(Pebble(0.5, tool_header()), "base", new_type=float) == 1.5
    assert buffer.transform(Pebble(0.5, tool_header()), "base", new_type=PointStamped).point.x == 1.5
    assert convert(PointStamped(), Pebble).x == 0.0


def test_conversion_to_the_same_type_is_a_copy():
    point = PointStamped(header=tool_header())
    copy = convert(point, PointStamped)
    copy.header.frame_id = "else"
    assert point.header.frame_id == "tool"


def test_conversion_without_a_way_is_refused():
    with pytest.raises(TypeException):
        convert(PointStamped(), complex)


def test_the_latest_transform_is_used_for_a_zero_stamp(buffer):
    buffer.set_transform(transform("base", "tool", 2.0, (9.0, 0.0, 0.0)), "test")
    moved = buffer.transform(PointStamped(header=Header(frame_id="tool", stamp=LATEST.to_msg())), "base")
    assert (moved.point.x, moved.header.stamp.sec) == (9.0, 2)
