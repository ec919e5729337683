"""The conversions are reachable under the name other people's code imports."""

import math

import tf2_geometry_msgs
from geometry_msgs.msg import PointStamped, TransformStamped


def test_point_is_turned_and_moved():
    quarter_turn = TransformStamped()
    quarter_turn.transform.rotation.z = math.sin(math.pi / 4)
    quarter_turn.transform.rotation.w = math.cos(math.pi / 4)
    quarter_turn.transform.translation.x = 10.0
    point = PointStamped()
    point.point.x, point.point.y = 1.0, 2.0
    moved = tf2_geometry_msgs.do_transform_point(point, quarter_turn).point
    assert math.isclose(moved.x, 10.0 - 2.0, abs_tol=1e-12)
    assert math.isclose(moved.y, 1.0, abs_tol=1e-12)
