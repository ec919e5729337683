"""Fills the console's snapshot from the topics of the cell."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from cablecell_interfaces.msg import (
    CellState,
    InsertionPhase,
    InsertionReport,
    JobStatus,
    LinkHeartbeat,
    PortEstimate,
    PortEstimateArray,
    TeleopStatus,
)
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import WrenchStamped
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Float64, String

from cablecell.console.camera_view import CameraView, FrameChain
from cablecell.console.state import (
    CellView,
    ComponentView,
    ConsoleState,
    InsertionView,
    JobView,
    PhaseView,
    PortView,
    TeleopView,
)
from cablecell.ros import qos
from cablecell.ros.conversions import BASE_FRAME, time_ns, vector

IMAGE_PERIOD_S = 0.2
"""Shortest time between two wrist images."""

_WIDTH = 640
_JPEG_QUALITY = 75
_ERROR_LEVEL = 2


class Listening:
    """The subscriptions of the console; all callbacks run in one thread."""

    def __init__(
        self,
        node: Any,
        state: ConsoleState,
        *,
        camera: str,
        joint_rate_hz: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Subscribe, but to no camera: images are taken while somebody looks at them.

        Args:
            node: Owner.
            state: What is filled.
            camera: Wrist camera: left, center or right.
            joint_rate_hz: How often joint positions are read.
            clock: Returns the time, s since the epoch.
        """
        self._node, self._state, self._clock = node, state, clock
        self._camera = camera
        self._joint_period_s = 1.0 / joint_rate_hz
        self._joints_due_s = self._image_due_s = 0.0
        self._view = CameraView()
        self._chain: FrameChain | None = None
        self._camera_inputs: list[Any] = []
        subscribe = node.create_subscription
        subscribe(CellState, "cell_state", self._take_cell, qos.STATE)
        subscribe(LinkHeartbeat, "cell/heartbeat", self._take_heartbeat, qos.HEARTBEAT, raw=True)
        subscribe(JobStatus, "job_status", self._take_job, qos.STATE)
        subscribe(InsertionPhase, "insertion_phase", self._take_phase, qos.STATE)
        subscribe(InsertionReport, "insertion_report", self._take_report, qos.STATE)
        subscribe(TeleopStatus, "teleop/status", self._take_teleop, qos.STATE)
        subscribe(DiagnosticArray, "diagnostics", self._take_diagnostics, qos.DIAGNOSTICS)
        subscribe(PortEstimateArray, "ports", self._take_ports, qos.STATE)
        subscribe(String, "robot_description", self._take_description, qos.STATE)
        subscribe(Float64, "speed_scale", self._take_speed, qos.STATE)
        # Raw: most of what comes that often is thrown away unread.
        subscribe(JointState, "joint_states", self._take_joints, qos.SENSOR, raw=True)
        subscribe(WrenchStamped, "wrench", self._take_wrench, qos.SENSOR, raw=True)

    def watch_camera(self, is_wanted: bool) -> None:
        """Take images, or no longer; call it in the thread of the callbacks."""
        if is_wanted == bool(self._camera_inputs):
            return
        for subscription in self._camera_inputs:
            self._node.destroy_subscription(subscription)
        self._camera_inputs = []
        if is_wanted:
            subscribe, name = self._node.create_subscription, f"{self._camera}_camera"
            self._camera_inputs = [
                subscribe(Image, f"{name}/image", self._take_image, qos.IMAGE, raw=True),
                subscribe(CameraInfo, f"{name}/camera_info", self._view.take_info, qos.IMAGE),
            ]

    def _take_cell(self, message: Any) -> None:
        cell = CellView(message.state, message.mode, message.cause_code, message.reason, message.job_id)
        self._state.cell = cell
        if cell.cause_code:
            self._state.alarms.raise_alarm("cell", cell.cause_code, cell.reason, self._clock())
        else:
            self._state.alarms.end_alarm("cell", self._clock())

    def _take_heartbeat(self, _: bytes) -> None:
        self._state.cell_heard_s = time.monotonic()

    def _take_job(self, message: Any) -> None:
        self._state.job = JobView(
            message.job_id,
            message.recipe,
            message.status,
            message.steps_total,
            message.steps_succeeded,
            message.steps_failed,
            message.current_step,
            message.error_code,
            message.error_msg,
        )
        if message.status == JobStatus.STATUS_FAILED and message.error_code:
            self._state.alarms.raise_alarm("job", message.error_code, message.error_msg, self._clock())
        elif message.status == JobStatus.STATUS_RUNNING:
            self._state.alarms.end_alarm("job", self._clock())

    def _take_phase(self, message: Any) -> None:
        self._state.phase = PhaseView(message.phase, message.reason, message.attempt)

    def _take_report(self, message: Any) -> None:
        if message.state != InsertionReport.STATE_ENDED:
            return
        insertion = message.insertion
        self._state.insertions.appendleft(
            InsertionView(
                time_ns(message.header.stamp) / 1e9,
                message.job_id,
                message.step or insertion.port_name,
                message.error_code,
                message.error_msg,
                insertion.depth,
                insertion.peak_force,
                time_ns(insertion.duration) / 1e9,
                message.attempts,
            )
        )

    def _take_teleop(self, message: Any) -> None:
        self._state.teleop = TeleopView(
            message.state,
            message.holder,
            message.limits,
            message.error_code,
            message.error_msg,
            message.leash_distance,
            message.leash_angle,
            message.contact_force,
            message.contact_torque,
            message.speed_scale,
            message.is_assist_on,
            message.assist_port,
            message.assist_reason,
        )

    def _take_diagnostics(self, message: Any) -> None:
        heard_s, now_s = time.monotonic(), self._clock()
        for status in message.status:
            level = int.from_bytes(status.level, "little") if isinstance(status.level, bytes) else int(status.level)
            values = tuple((one.key, one.value) for one in status.values)
            self._state.take_component(ComponentView(status.name, level, status.message, values, heard_s))
            if level >= _ERROR_LEVEL:
                self._state.alarms.raise_alarm(status.name, _code_in(values), status.message, now_s)
            else:
                self._state.alarms.end_alarm(status.name, now_s)

    def _take_ports(self, message: Any) -> None:
        ports = []
        for port in message.ports:
            pose, variance = port.pose.pose, port.pose.covariance
            q = pose.orientation
            sigma_m = math.sqrt(max(variance[0], variance[7], variance[14], 0.0))
            is_seen = bool(port.sources & PortEstimate.SOURCE_CAMERA)
            ports.append(PortView(port.port_name, vector(pose.position), (q.x, q.y, q.z, q.w), sigma_m, is_seen))
        self._state.ports = tuple(ports)

    def _take_description(self, message: Any) -> None:
        self._state.description = message.data
        try:
            self._chain = FrameChain(message.data, BASE_FRAME, f"{self._camera}_camera_optical_frame")
        except KeyError:
            self._chain = None  # another robot, without this camera: images are shown as they are

    def _take_speed(self, message: Any) -> None:
        self._state.speed_scale = message.data

    def _take_joints(self, data: bytes) -> None:
        now_s = time.monotonic()
        if now_s < self._joints_due_s:
            return
        self._joints_due_s = now_s + self._joint_period_s
        message = deserialize_message(data, JointState)
        self._state.joints = dict(zip(message.name, message.position, strict=False))

    def _take_wrench(self, data: bytes) -> None:
        force = deserialize_message(data, WrenchStamped).wrench.force
        self._state.force.take(time.monotonic(), math.sqrt(force.x**2 + force.y**2 + force.z**2))

    def _take_image(self, data: bytes) -> None:
        now_s = time.monotonic()
        if now_s < self._image_due_s:
            return
        self._image_due_s = now_s + IMAGE_PERIOD_S
        image = deserialize_message(data, Image)
        if image.encoding not in ("rgb8", "bgr8"):
            return
        pixels = np.frombuffer(image.data, np.uint8).reshape(image.height, image.step)[:, : 3 * image.width]
        picture = pixels.reshape(image.height, image.width, 3)
        share = min(1.0, _WIDTH / image.width)
        small = cv2.resize(picture, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
        if image.encoding == "rgb8":
            small = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
        X_base_optical = None if self._chain is None else self._chain.pose(self._state.joints)
        self._view.draw(small, share, self._state.ports, X_base_optical)
        is_encoded, jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        if is_encoded:
            self._state.jpeg = jpeg.tobytes()
            self._state.jpeg_count += 1


def _code_in(values: tuple[tuple[str, str], ...]) -> int:
    """Return the error code among the values of a component; 0 where it says none."""
    for key, text in values:
        if "code" in key and text.isdigit():
            return int(text)
    return 0
