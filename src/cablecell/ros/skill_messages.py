"""Messages of the insertion skill to and from core types."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from aic_task_interfaces.action import InsertCable
from builtin_interfaces.msg import Time
from cablecell_interfaces.msg import InsertionResult as ResultMessage
from cablecell_interfaces.msg import MotionTarget
from cablecell_interfaces.msg import PlugEstimate as PlugMessage
from cablecell_interfaces.msg import PortEstimate as PortMessage
from rclpy.duration import Duration

from cablecell.core.geometry import Array, make_pose, pose_from_quat, quat_from_rotation, shift_wrench
from cablecell.core.insertion.contact_follower import Contact
from cablecell.core.insertion.grasp import HeldPlug
from cablecell.core.insertion.observation import PoseEstimate
from cablecell.core.insertion.outcome import InsertionResult
from cablecell.core.motion.errors import RobotModelError
from cablecell.ros.arm_description import read_joints
from cablecell.ros.contact_report import contact_message
from cablecell.ros.conversions import BASE_FRAME, FT_FRAME, TCP_FRAME, fill_pose, pose_to_matrix, six, time_ns
from cablecell.ros.goals import RemoteError


def seconds(stamp: Any) -> float:
    """Return a time or duration message in s."""
    return 1e-9 * time_ns(stamp)


def sensor_height_m(urdf: str) -> float:
    """Return where a description has the origin of `ft_frame` on the z axis of `tcp`, m.

    Raises:
        RobotModelError: Nothing rigid leads from one frame to the other, or their axes are not aligned, so that
            `wrench_at_tcp` does not hold (code 105).
    """
    joints = {joint.child: joint for joint in read_joints(urdf)}
    X_frame_tcp, frame = np.eye(4), TCP_FRAME
    while frame != FT_FRAME:
        joint = joints.get(frame)
        if joint is None or joint.kind != "fixed":
            raise RobotModelError(f"{TCP_FRAME} is not fixed to {FT_FRAME}", quantity="frame", value=frame)
        X_frame_tcp, frame = pose_from_quat(joint.p, joint.q) @ X_frame_tcp, joint.parent
    height_m = -float(X_frame_tcp[2, 3])
    if not np.allclose(X_frame_tcp, make_pose(np.eye(3), (0.0, 0.0, -height_m)), atol=1e-6):
        raise RobotModelError(
            f"the axes of {TCP_FRAME} are not those of {FT_FRAME} moved along z",
            quantity="X_ft_tcp",
            value=X_frame_tcp.round(6).tolist(),
            frame=FT_FRAME,
        )
    return height_m


def wrench_at_tcp(wrench: Any, ft_height_m: float) -> Array:
    """Return a wrench at `ft_frame` as one at `tcp`, shape (6,): their axes agree, the origins differ along z."""
    at_ft = six(wrench.force, wrench.torque)
    return shift_wrench(at_ft[:3], at_ft[3:], np.array([0.0, 0.0, -ft_height_m]))


def port_from_message(message: PortMessage) -> PoseEstimate:
    """Return a port estimate; its covariance turns from the axes of the base into those of the entrance."""
    X = pose_to_matrix("port", message.pose.pose)
    stamp_s = seconds(message.header.stamp) - seconds(message.age)
    return PoseEstimate(stamp_s, X, _in_own_axes(X, message.pose.covariance))


def estimates(message: PortMessage, plug: PlugMessage, held: HeldPlug) -> tuple[PoseEstimate, PoseEstimate]:
    """Return the port in the base and the tip in `tcp`.

    Where the plug was seen together with the port, the tip is where it was seen, and the port carries the whole
    uncertainty of the one relative to the other; otherwise the tip is held as designed.
    """
    port = port_from_message(message)
    is_seen = _is_seen(plug, held)
    if not is_seen or len(message.covariance_to_plug) != 36:
        return port, PoseEstimate(port.stamp_s, held.X_tcp_tip, held.covariance)
    relative = _in_own_axes(port.X, message.covariance_to_plug)
    tip = PoseEstimate(port.stamp_s, pose_to_matrix("plug", plug.pose.pose), np.zeros((6, 6)))
    return PoseEstimate(port.stamp_s, port.X, relative), tip


def covariance_of_tip(plug: PlugMessage, held: HeldPlug) -> Array:
    """Return how surely the tip is known in `tcp`, in its own axes, shape (6, 6): as seen, or as gripped."""
    if not _is_seen(plug, held):
        return held.covariance
    return _in_own_axes(pose_to_matrix("plug", plug.pose.pose), plug.pose.covariance)


def _is_seen(plug: PlugMessage, held: HeldPlug) -> bool:
    return bool(plug.sources & PlugMessage.SOURCE_CAMERA) and plug.plug_name == held.plug


def _in_own_axes(X: Array, covariance: Sequence[float]) -> Array:
    """Return a covariance, 36 numbers in the axes of the parent, in the axes of a pose, shape (6, 6)."""
    T = np.zeros((6, 6))
    T[:3, :3] = T[3:, 3:] = X[:3, :3].T
    return np.asarray(T @ np.array(covariance).reshape(6, 6) @ T.T)


def result_message(
    result: InsertionResult,
    X_base_tip: Array,
    held: HeldPlug,
    port_name: str,
    stamp: Time,
    contacts: Iterable[Contact] = (),
) -> ResultMessage:
    """Return what one attempt came to, and what the plug touched, as a message."""
    message = ResultMessage(
        plug_name=held.plug,
        port_name=port_name,
        connector_type=held.connector,
        outcome=int(result.outcome),
        last_phase=int(result.last_phase),
        depth=float(result.depth_m),
        peak_force=float(result.peak_force_n),
        latch_detected=bool(result.is_latched),
        duration=Duration(seconds=result.duration_s).to_msg(),
        contacts=[contact_message(contact, port_name) for contact in contacts],
    )
    message.header.stamp, message.header.frame_id = stamp, BASE_FRAME
    fill_pose(message.final_pose.pose, X_base_tip)
    message.final_pose.covariance = held.covariance.reshape(36)
    return message


def cable_result(error: Exception | None) -> InsertCable.Result:
    """Return the result of `insert_cable`: AIC has no codes."""
    if error is None:
        return InsertCable.Result(success=True, message="seated")
    return InsertCable.Result(success=False, message=f"code {getattr(error, 'code', 1)}: {error}")


def sensor_stop(message: Any) -> RemoteError | None:
    """Return why the controller has stopped where that is its force sensor (codes 590 to 599), from its diagnostics."""
    for status in message.status:
        if not status.name.endswith(": control loop"):
            continue
        values = {pair.key: pair.value for pair in status.values}
        code = int(values.get("fault_code", "0"))
        if values.get("mode") == "stopped" and 590 <= code < 600:
            return RemoteError.with_code(code, status.message)
    return None


def move_target(X_base_tcp: Array, path: int, velocity_scale: float, acceleration_scale: float) -> MotionTarget:
    """Return a motion of `tcp` to a pose."""
    target = MotionTarget(
        path=path, goal=MotionTarget.GOAL_POSE, velocity_scale=velocity_scale, acceleration_scale=acceleration_scale
    )
    target.pose.header.frame_id = BASE_FRAME
    fill_pose(target.pose.pose, X_base_tcp)
    return target


def held_plug_to_json(held: HeldPlug | None) -> str:
    """Return the text of `cell/held_plug`; empty when the gripper is empty."""
    if held is None:
        return ""
    return json.dumps(
        {
            "cable": held.cable,
            "plug": held.plug,
            "connector": held.connector,
            "position_m": held.X_tcp_tip[:3, 3].tolist(),
            "quat_xyzw": quat_from_rotation(held.X_tcp_tip[:3, :3]).tolist(),
            "position_sigma_m": held.position_sigma_m,
            "rotation_sigma_rad": held.rotation_sigma_rad,
        }
    )


def held_plug_from_json(text: str) -> HeldPlug | None:
    """Return what `cell/held_plug` says."""
    if not text:
        return None
    data = json.loads(text)
    return HeldPlug(
        cable=data["cable"],
        plug=data["plug"],
        connector=data["connector"],
        X_tcp_tip=np.asarray(pose_from_quat(data["position_m"], data["quat_xyzw"])),
        position_sigma_m=data["position_sigma_m"],
        rotation_sigma_rad=data["rotation_sigma_rad"],
    )
