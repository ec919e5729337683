"""Messages of the motion planner: trajectories and their preview."""

from __future__ import annotations

from typing import Any

import numpy as np
from geometry_msgs.msg import Point
from std_msgs.msg import ColorRGBA
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint
from visualization_msgs.msg import Marker, MarkerArray

from cablecell.core.motion.model import RobotModel
from cablecell.core.motion.trajectory import Trajectory
from cablecell.ros.conversions import BASE_FRAME, fill_pose, fill_time

_LINE_M, _ARROW_M = 0.004, 0.03


def to_joint_trajectory(trajectory: Trajectory) -> Any:
    """Return a trajectory with positions, velocities and accelerations; without a stamp, which means at once."""
    message = JointTrajectory(joint_names=list(trajectory.joint_names))
    for time_s, q, dq, ddq in zip(trajectory.times_s, trajectory.q, trajectory.dq, trajectory.ddq, strict=True):
        point = JointTrajectoryPoint(positions=q.tolist(), velocities=dq.tolist(), accelerations=ddq.tolist())
        fill_time(point.time_from_start, round(1e9 * float(time_s)))
        message.points.append(point)
    return message


def to_preview(trajectory: Trajectory, model: RobotModel, frame: str, stamp: Any, count: int = 60) -> Any:
    """Return the way of a frame along a trajectory as a line, and an arrow where it ends.

    Args:
        trajectory: What is previewed.
        model: Where the frame is for joint positions.
        frame: Frame of the model.
        stamp: Time of the message.
        count: Points of the line.
    """
    times = np.linspace(0.0, trajectory.duration_s, count)
    poses = [model.fk(q, frame) for q in trajectory.sample_at(times)[0]]
    line = _marker(0, Marker.LINE_STRIP, stamp)
    line.pose.orientation.w = 1.0
    line.scale.x = _LINE_M
    for X in poses:
        x, y, z = X[:3, 3].tolist()
        line.points.append(Point(x=x, y=y, z=z))
    goal = _marker(1, Marker.ARROW, stamp)
    fill_pose(goal.pose, poses[-1])
    goal.scale.x, goal.scale.y, goal.scale.z = _ARROW_M, _LINE_M, _LINE_M
    return MarkerArray(markers=[line, goal])


def _marker(number: int, kind: int, stamp: Any) -> Any:
    marker = Marker(ns="plan", id=number, type=kind, action=Marker.ADD, color=ColorRGBA(r=0.1, g=0.7, b=1.0, a=0.9))
    marker.header.frame_id, marker.header.stamp = BASE_FRAME, stamp
    return marker
