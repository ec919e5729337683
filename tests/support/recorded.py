"""A made-up recording: an arm that rests, turns its first joint, and rests again, with a push on its sensor."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import numpy as np

from cablecell.core.config.trial import JOINT_NAMES, HomeJoints
from cablecell.hardware.replay import RecordedMachine, ReplayMachine
from cablecell.records.writing import RecordingWriter

FINGER = "left_finger_joint"
HOME = np.array(HomeJoints().in_order())
REST_S, TURN_S, SPEED = 0.5, 0.4, 0.5
"""It rests, then turns for a while at this speed, rad/s, then rests."""


def q_at(t_s):
    """Return the joint positions at a time, rad."""
    q = HOME.copy()
    q[0] += SPEED * np.clip(t_s - REST_S, 0.0, TURN_S)
    return q


def force_z_at(t_s):
    return -9.0 - 5.0 * (t_s > 0.7)


def recorded(duration_s: float) -> RecordedMachine:
    joints_t_s, wrench_t_s = np.arange(0.0, duration_s + 1e-9, 0.01), np.arange(0.0, duration_s + 1e-9, 0.008)
    q = np.array([q_at(t) for t in joints_t_s])
    wrench = np.zeros((len(wrench_t_s), 6))
    wrench[:, 2] = force_z_at(wrench_t_s)
    some = np.ones(len(joints_t_s))
    return RecordedMachine(
        "recording made.mcap", joints_t_s, q, np.gradient(q, 0.01, axis=0), 0.0 * q, 0.014 * some, 60.0 * some,
        wrench_t_s, wrench,
    )  # fmt: skip


def machine(duration_s: float) -> ReplayMachine:
    return ReplayMachine(recorded(duration_s), JOINT_NAMES)


def _header(t_s: float, frame: str) -> bytes:
    ns = round(1e9 * (1000.0 + t_s))
    return struct.pack("<iII", ns // 10**9, ns % 10**9, len(frame) + 1) + frame.encode() + b"\0"


def joint_state(t_s: float, names: list[str], *columns: list[float]) -> bytes:
    """Return a JointState as the middleware writes it."""
    body = _header(t_s, "base_link")
    body += bytes(-len(body) % 4) + struct.pack("<I", len(names))
    for name in names:
        body += bytes(-len(body) % 4) + struct.pack("<I", len(name) + 1) + name.encode() + b"\0"
    for column in columns:
        body += bytes(-len(body) % 4) + struct.pack("<I", len(column))
        if column:
            body += bytes(-len(body) % 8) + struct.pack(f"<{len(column)}d", *column)
    return b"\0\1\0\0" + body


def wrench_stamped(t_s: float) -> bytes:
    body = _header(t_s, "ft_frame")
    body += bytes(-len(body) % 8)
    return b"\0\1\0\0" + body + struct.pack("<6d", 0.0, 0.0, force_z_at(t_s), 0.0, 0.0, 0.0)


def write(path: Path, duration_s: float, silent=(), namespace: str = "") -> Path:
    """Write it as a file; `silent` are the spans of time, s, in which joint states are missing.

    The joints are in another order than the arm's, as the robot's driver may have them.
    """
    order = [FINGER, *reversed(JOINT_NAMES)]
    with RecordingWriter(path, (Path(sys.prefix),)) as writer:
        joints = writer.add_channel(f"{namespace}/joint_states", "sensor_msgs/msg/JointState")
        wrenches = writer.add_channel(f"{namespace}/wrench_raw", "geometry_msgs/msg/WrenchStamped")
        for i in range(round(duration_s / 0.01) + 1):
            t_s = 0.01 * i
            at_ns = round(1e9 * t_s)
            if not any(begin < t_s < end for begin, end in silent):
                positions = [0.007, *q_at(t_s)[::-1]]
                writer.add(joints, joint_state(t_s, order, positions, [], [60.0] + [0.0] * 6), at_ns, at_ns)
            writer.add(wrenches, wrench_stamped(t_s), at_ns, at_ns)
    return path
