"""Node `sim_camera`: renders the wrist cameras of the simulated cell, each only while somebody listens."""

from __future__ import annotations

import json
import os
import sys
import time
from functools import partial
from typing import Any

import numpy as np
from sensor_msgs.msg import CameraInfo, Image, RegionOfInterest
from std_msgs.msg import Empty, Float64, Float64MultiArray, String
from visualization_msgs.msg import MarkerArray

from cablecell.composition.camera_faults import CameraFaults
from cablecell.composition.camera_rig import SIDES, CameraRig, scaled_intrinsics, warm_up
from cablecell.composition.camera_stream import CameraStream
from cablecell.composition.machines import TrialSource
from cablecell.configuration import load_simulation
from cablecell.core.config.camera import CameraIntrinsics, RenderSettings
from cablecell.core.config.sensors import CameraSettings
from cablecell.core.config.sim_camera import SimCameraParameters
from cablecell.core.errors import WorkcellError
from cablecell.ports import Frame, Region
from cablecell.ros import qos
from cablecell.ros.camera_messages import camera_info, image_message, region_from_message
from cablecell.ros.lifecycle import CellNode, run_node
from cablecell.ros.scene_drawing import draw_cable

_NICENESS = 5


_PREVIEW = "preview"
_POLL_S = 0.01
_SLOWEST_HZ, _FASTEST_HZ = 0.05, 60.0


class SimCamera(CellNode[SimCameraParameters]):
    """Publishes `<side>_camera/image` and `<side>_camera/camera_info`, from `/sim/trial` and `/sim/scene_state`.

    Cameras are free-running, or expose all at once on `camera_trigger`; an image arrives its latency later. `preview`
    is a small image of one camera that always runs freely. What nobody listens to is not rendered. The cable is also
    drawn for RViz.
    """

    def __init__(self) -> None:
        super().__init__("sim_camera", SimCameraParameters)

    def setup(self) -> None:
        """Create the interfaces."""
        values = self.parameters.values
        simulation = load_simulation()
        if not values.has_errors:
            simulation = simulation.model_copy(update={"cameras": CameraSettings.exact()})
        warm_up()
        self._rig = CameraRig(
            scaled_intrinsics(values.scale), simulation, RenderSettings(supersampling=values.supersampling)
        )
        self._latency_s = simulation.cameras.latency_s
        self._regions: dict[str, Region | None] = dict.fromkeys(SIDES)
        self._faults = CameraFaults()
        self._rate_hz = values.rate_hz
        self._exposed_s: dict[str, float] = {}
        self._images: dict[str, Any] = {}
        self._infos: dict[str, Any] = {}
        self._inputs = [
            self.create_subscription(String, "sim/trial", self._take_trial, qos.STATE),
            self.create_subscription(Float64MultiArray, "sim/scene_state", self._take_state, qos.SENSOR),
            self.create_subscription(Empty, "camera_trigger", self._take_trigger, qos.COMMAND),
            self.create_subscription(Float64, "camera_rate", self._take_rate, qos.STATE),
            self.create_subscription(String, "sim/faults", self._take_faults, qos.STATE),
        ]
        for side in SIDES:
            self._images[side] = self.create_lifecycle_publisher(Image, f"{side}_camera/image", qos.IMAGE)
            self._infos[side] = self.create_lifecycle_publisher(CameraInfo, f"{side}_camera/camera_info", qos.IMAGE)
            self._inputs.append(
                self.create_subscription(
                    RegionOfInterest,
                    f"{side}_camera/region",
                    partial(self._take_region, side),
                    qos.STATE,
                )
            )
        self._images[_PREVIEW] = self.create_lifecycle_publisher(Image, "preview/image", qos.IMAGE)
        self._infos[_PREVIEW] = self.create_lifecycle_publisher(CameraInfo, "preview/camera_info", qos.IMAGE)
        self._cable = self.create_lifecycle_publisher(MarkerArray, "sim/cable_markers", qos.MEASUREMENT)
        self._streams: dict[str, CameraStream] = {}

    def teardown(self) -> None:
        """Destroy the interfaces and the scene."""
        for subscription in self._inputs:
            self.destroy_subscription(subscription)
        for publisher in (*self._images.values(), *self._infos.values(), self._cable):
            self.destroy_publisher(publisher)
        self._rig.close()

    def start(self) -> None:
        """Begin to look which images are wanted."""
        values = self.parameters.values
        rate_hz = self._rate_hz if values.mode == "free_running" else None
        self._streams = {
            side: CameraStream(partial(self._expose, side), rate_hz=rate_hz, latency_s=self._latency_s)
            for side in SIDES
        }
        self._streams[_PREVIEW] = CameraStream(
            partial(self._rig.capture_preview, values.preview_camera),
            rate_hz=values.preview_rate_hz,
            latency_s=self._latency_s,
        )
        self._timer = self.create_timer(_POLL_S, self._look)

    def stop(self) -> None:
        """End it."""
        self.destroy_timer(self._timer)

    def _take_trial(self, message: Any) -> None:
        try:
            self._rig.show_trial(TrialSource(**json.loads(message.data)))
        except (WorkcellError, TypeError, ValueError) as error:
            self.get_logger().error(f"sim/trial cannot be shown: {error}")

    def _take_state(self, message: Any) -> None:
        try:
            self._rig.set_state(message.data)
        except ValueError as error:
            self.get_logger().warning(f"sim/scene_state is refused: {error}", throttle_duration_sec=5.0)
            return
        if self._cable.get_subscription_count():
            self._cable.publish(draw_cable(*self._rig.cable()))

    def _take_region(self, side: str, message: Any) -> None:
        region = region_from_message(message)
        if region == self._regions[side]:
            return
        self._regions[side] = region
        if self.parameters.values.mode == "free_running" and side in self._streams:
            self._streams[side].trigger()  # whoever asks for something else does not want to wait for it

    def _take_rate(self, message: Any) -> None:
        """Run freely at the rate that whoever looks asks for."""
        self._rate_hz = min(max(message.data, _SLOWEST_HZ), _FASTEST_HZ)
        for side in SIDES:
            if side in self._streams:
                self._streams[side].set_rate(self._rate_hz)

    def _take_faults(self, message: Any) -> None:
        """Break the cameras that are named, mend the others, and move the board that they see where that is asked.

        `board` has been pushed, in the physics too; by `board_seen` it only seems to be elsewhere.
        """
        try:
            faults = json.loads(message.data)
            self._faults.inject(faults.get("cameras", {}))
            for name in ("board", "board_seen"):
                if faults.get(name) and self._rig.is_ready:
                    self._rig.bump_board(np.array(faults[name], dtype=np.float64))
        except (WorkcellError, TypeError, ValueError, AttributeError) as error:
            self.get_logger().error(f"sim/faults cannot be injected: {error}")

    def _take_trigger(self, _: Any) -> None:
        """Expose all cameras that are listened to, at the same state."""
        if self.parameters.values.mode != "triggered":
            self.get_logger().warning("camera_trigger is ignored: the cameras are free-running")
            return
        if self._rig.is_ready:
            for side in SIDES:
                if side in self._streams and self._is_heard(side):
                    self._streams[side].trigger()
                    self._publish(side, self._streams[side].poll(time.monotonic()))

    def _look(self) -> None:
        """Take the image that is due for longest; one at a time, so that newer states are heard in between."""
        now_s = time.monotonic()
        for name, stream in self._streams.items():
            self._publish(name, stream.arrived(now_s))
        if not self._rig.is_ready:
            return
        # No camera exposes twice at one time: without a newer state it waits.
        due = [
            name
            for name, stream in self._streams.items()
            if stream.is_due(now_s) and self._is_heard(name) and self._exposed_s.get(name) != self._rig.stamp_s
        ]
        if due:
            name = max(due, key=lambda one: self._streams[one].due_since(now_s))
            self._exposed_s[name] = self._rig.stamp_s
            self._publish(name, self._streams[name].poll(now_s))

    def _is_heard(self, name: str) -> bool:
        return bool(self._images[name].get_subscription_count())

    def _expose(self, side: str) -> Frame:
        try:
            return self._rig.capture(side, self._regions[side])
        except WorkcellError as error:
            self.get_logger().warning(f"{error}; the whole image is taken")
            self._regions[side] = None
            return self._rig.capture(side)

    def _publish(self, name: str, frames: list[Frame]) -> None:
        intrinsics: CameraIntrinsics = self._rig.preview if name == _PREVIEW else self._rig.intrinsics
        for frame in frames:
            image = self._faults.alter(name, frame)
            if image is not None:
                self._infos[image.to].publish(camera_info(image.frame, intrinsics))
                self._images[image.to].publish(image_message(image.frame))


def main() -> None:
    """Run the node, behind everything that has to keep time: a late image harms nobody."""
    os.nice(_NICENESS)
    sys.exit(run_node(SimCamera, carries_images=True))
