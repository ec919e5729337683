"""Markers of what the cell believes: ports with their uncertainty, the held plug; and of the simulated cable."""

from __future__ import annotations

from typing import Any

import numpy as np
from geometry_msgs.msg import Point
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from cablecell.core.config.connector import Connector
from cablecell.core.geometry import Array, make_pose
from cablecell.ros.conversions import TCP_FRAME, fill_pose, pose_to_matrix

_SMALLEST_M = 2e-4
"""Shortest axis of an ellipsoid, so that a very sure estimate can still be seen."""

_SEEN, _ASSUMED = ColorRGBA(r=0.1, g=0.9, b=0.3, a=0.5), ColorRGBA(r=1.0, g=0.7, b=0.1, a=0.35)
_TRUE_CABLE = ColorRGBA(r=0.95, g=0.85, b=0.1, a=1.0)
_PLUG, _CABLE = ColorRGBA(r=0.2, g=0.4, b=1.0, a=0.8), ColorRGBA(r=0.1, g=0.1, b=0.1, a=0.7)


def draw_ports(message: Any, sigmas: float, arrow_m: float) -> Any:
    """Return ellipsoid, arrow and name of every port of a `PortEstimateArray`.

    Green was seen by a camera, yellow is only where the design of the board puts it.
    """
    markers = [Marker(ns="ports", action=Marker.DELETEALL)]
    for number, port in enumerate(message.ports):
        X = pose_to_matrix(port.port_name, port.pose.pose)
        color = _SEEN if port.sources & port.SOURCE_CAMERA else _ASSUMED
        ellipsoid = _marker("ports", 3 * number, Marker.SPHERE, port.header.frame_id, color)
        axes, R = ellipsoid_axes(np.array(port.pose.covariance).reshape(6, 6)[:3, :3], sigmas)
        fill_pose(ellipsoid.pose, make_pose(R, X[:3, 3]))
        ellipsoid.scale.x, ellipsoid.scale.y, ellipsoid.scale.z = axes.tolist()
        arrow = _marker("ports", 3 * number + 1, Marker.ARROW, port.header.frame_id, color)
        arrow.points = [_point(X[:3, 3] - arrow_m * X[:3, 2]), _point(X[:3, 3])]
        arrow.scale.x, arrow.scale.y = 0.08 * arrow_m, 0.2 * arrow_m
        label = _marker("ports", 3 * number + 2, Marker.TEXT_VIEW_FACING, port.header.frame_id, color)
        label.text, label.scale.z = port.port_name, 0.3 * arrow_m
        fill_pose(label.pose, make_pose(np.eye(3), X[:3, 3] - 1.3 * arrow_m * X[:3, 2]))
        markers += [ellipsoid, arrow, label]
    return MarkerArray(markers=markers)


def draw_held(connector: Connector | None, X_tcp_tip: Array, cable_m: float) -> Any:
    """Return the held plug as boxes in `tcp`, and the beginning of its cable straight out of its back.

    Nothing measures the cable: the line says where it leaves the plug, not how it hangs.
    """
    markers = [Marker(ns=name, action=Marker.DELETEALL) for name in ("held_plug", "cable")]
    if connector is None:
        return MarkerArray(markers=markers)
    back = 0.0
    for number, part in enumerate(connector.plug.parts):
        box = _marker("held_plug", number, Marker.CUBE, TCP_FRAME, _PLUG)
        fill_pose(box.pose, X_tcp_tip @ make_pose(np.eye(3), part.centre_m))
        box.scale.x, box.scale.y, box.scale.z = part.size_m
        back = min(back, part.centre_m[2] - 0.5 * part.size_m[2])
        markers.append(box)
    if cable_m > 0.0:
        line = _marker("cable", 0, Marker.LINE_STRIP, TCP_FRAME, _CABLE)
        line.scale.x = connector.cable.diameter_m
        ends = ([0.0, 0.0, back], [0.0, 0.0, back - cable_m])
        line.points = [_point(X_tcp_tip[:3, :3] @ end + X_tcp_tip[:3, 3]) for end in ends]
        markers.append(line)
    return MarkerArray(markers=markers)


def draw_cable(line: Array, diameter_m: float) -> Any:
    """Return the cable as the simulation has it, in `world`; `line` has shape (n, 3), m."""
    markers = [Marker(ns="true_cable", action=Marker.DELETEALL)]
    if len(line):
        strip = _marker("true_cable", 0, Marker.LINE_STRIP, "world", _TRUE_CABLE)
        strip.scale.x = diameter_m
        strip.points = [_point(p) for p in line]
        markers.append(strip)
    return MarkerArray(markers=markers)


def ellipsoid_axes(covariance: Array, sigmas: float) -> tuple[Array, Array]:
    """Return the full axes, m, shape (3,), and the rotation, shape (3, 3), of the ellipsoid of a covariance."""
    variances, R = np.linalg.eigh(0.5 * (covariance + covariance.T))
    if np.linalg.det(R) < 0.0:
        R[:, 0] = -R[:, 0]
    axes: Array = np.maximum(2.0 * sigmas * np.sqrt(np.maximum(variances, 0.0)), _SMALLEST_M)
    return axes, R


def _marker(namespace: str, number: int, kind: int, frame: str, color: Any) -> Any:
    """Return a marker without a stamp, which RViz moves along with its frame."""
    marker = Marker(ns=namespace, id=number, type=kind, action=Marker.ADD, color=color, frame_locked=True)
    marker.header.frame_id = frame
    marker.pose.orientation.w = 1.0
    return marker


def _point(p: Array) -> Any:
    x, y, z = p.tolist()
    return Point(x=x, y=y, z=z)
