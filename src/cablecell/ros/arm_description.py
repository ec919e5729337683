"""Frames of a robot description as transforms: what is fixed once, what moves from joint positions."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import dataclass

from geometry_msgs.msg import TransformStamped

from cablecell.core.geometry.scalar import Quat, Vec3, add, quat_from_rotvec, quat_multiply, rotate, scale
from cablecell.ros.conversions import fill_time


@dataclass(frozen=True)
class FrameJoint:
    """One joint of a description.

    Attributes:
        kind: As in URDF: "fixed", "revolute", "prismatic" …
        parent: Frame it starts at.
        child: Frame it moves.
        p: Origin of the child in the parent, m.
        q: Its orientation, x, y, z, w.
        axis: Axis of the motion in the child.
        source: Name of the joint whose position it has: itself, or the one it mimics.
        factor: Of that position.
    """

    kind: str
    parent: str
    child: str
    p: Vec3
    q: Quat
    axis: Vec3
    source: str
    factor: float

    def place(self, value: float) -> tuple[Vec3, Quat]:
        """Return where the child is in the parent, m, and how it is turned, at a position of `source`, rad or m."""
        way = scale(self.axis, self.factor * value)
        if self.kind == "prismatic":
            return add(self.p, rotate(self.q, way)), self.q
        return self.p, quat_multiply(self.q, quat_from_rotvec(way))


def read_joints(urdf: str) -> list[FrameJoint]:
    """Return the joints of a URDF."""
    found = []
    for joint in ElementTree.fromstring(urdf).iter("joint"):
        parent, child = joint.find("parent"), joint.find("child")
        if parent is None or child is None:
            continue
        origin, axis, mimic = joint.find("origin"), joint.find("axis"), joint.find("mimic")
        xyz = _numbers("0 0 0" if origin is None else origin.get("xyz", "0 0 0"))
        rpy = _numbers("0 0 0" if origin is None else origin.get("rpy", "0 0 0"))
        found.append(
            FrameJoint(
                kind=joint.get("type", "fixed"),
                parent=parent.get("link", ""),
                child=child.get("link", ""),
                p=xyz,
                q=quat_from_rpy(rpy),
                axis=_numbers("1 0 0" if axis is None else axis.get("xyz", "1 0 0")),
                source=joint.get("name", "") if mimic is None else mimic.get("joint", ""),
                factor=1.0 if mimic is None else float(mimic.get("multiplier", "1")),
            )
        )
    return found


class FrameTree:
    """Transforms of a description; the messages of what moves are made once and filled again and again."""

    def __init__(self, urdf: str) -> None:
        joints = read_joints(urdf)
        self._moving = [joint for joint in joints if joint.kind != "fixed"]
        self._messages = [_transform(joint) for joint in self._moving]
        self._fixed = [_transform(joint) for joint in joints if joint.kind == "fixed"]

    def fixed(self, stamp_ns: int) -> list[TransformStamped]:
        """Return every fixed transform."""
        for message in self._fixed:
            fill_time(message.header.stamp, stamp_ns)
        return self._fixed

    def moving(self, positions: Mapping[str, float], stamp_ns: int) -> list[TransformStamped]:
        """Return every moving transform at joint positions, rad and m, by name."""
        for joint, message in zip(self._moving, self._messages, strict=True):
            p, q = joint.place(positions[joint.source])
            fill_time(message.header.stamp, stamp_ns)
            if joint.kind == "prismatic":
                translation = message.transform.translation
                translation.x, translation.y, translation.z = p
            else:
                rotation = message.transform.rotation
                rotation.x, rotation.y, rotation.z, rotation.w = q
        return self._messages


def _transform(joint: FrameJoint) -> TransformStamped:
    message = TransformStamped(child_frame_id=joint.child)
    message.header.frame_id = joint.parent
    translation, rotation = message.transform.translation, message.transform.rotation
    translation.x, translation.y, translation.z = joint.p
    rotation.x, rotation.y, rotation.z, rotation.w = joint.q
    return message


def _numbers(text: str) -> Vec3:
    x, y, z = (float(word) for word in text.split())
    return x, y, z


def quat_from_rpy(rpy: Vec3) -> Quat:
    """Return the rotation of fixed-axis roll, pitch, yaw."""
    (sr, cr), (sp, cp), (sy, cy) = ((math.sin(a / 2.0), math.cos(a / 2.0)) for a in rpy)
    return quat_multiply((0.0, 0.0, sy, cy), quat_multiply((0.0, sp, 0.0, cp), (sr, 0.0, 0.0, cr)))
