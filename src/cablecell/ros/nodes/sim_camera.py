"""Node `sim_camera`: renders the wrist cameras of the simulated cell, each only while somebody listens."""

from __future__ import annotations

import json
import os
import sys
import time
from functools import partial
from typing import Any

from sensor_msgs.msg import CameraInfo, Image, RegionOfInterest
from std_msgs.msg import Float64MultiArray, String

from cablecell.composition.camera_rig import SIDES, CameraRig, scaled_intrinsics
from cablecell.composition.machines import TrialSource
from cablecell.core.config.camera import ImageErrors, RenderSettings
from cablecell.core.config.sim_camera import SimCameraParameters
from cablecell.core.errors import WorkcellError
from cablecell.ports import Region
from cablecell.ros import qos
from cablecell.ros.camera_messages import camera_info, image_message, region_from_message
from cablecell.ros.lifecycle import CellNode, run_node

_NICENESS = 5


class SimCamera(CellNode[SimCameraParameters]):
    """Publishes `<side>_camera/image` and `<side>_camera/camera_info`, from `/sim/trial` and `/sim/scene_state`."""

    def __init__(self) -> None:
        super().__init__("sim_camera", SimCameraParameters)

    def setup(self) -> None:
        """Create the interfaces."""
        values = self.parameters.values
        self._rig = CameraRig(
            scaled_intrinsics(values.scale),
            ImageErrors(blur_sigma_px=values.blur_sigma_px, noise_levels=values.noise_levels),
            RenderSettings(supersampling=values.supersampling),
        )
        self._regions: dict[str, Region | None] = dict.fromkeys(SIDES)
        self._next_s = dict.fromkeys(SIDES, 0.0)
        self._images: dict[str, Any] = {}
        self._infos: dict[str, Any] = {}
        self._inputs = [
            self.create_subscription(String, "/sim/trial", self._take_trial, qos.STATE),
            self.create_subscription(Float64MultiArray, "/sim/scene_state", self._take_state, qos.SENSOR),
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

    def teardown(self) -> None:
        """Destroy the interfaces and the scene."""
        for subscription in self._inputs:
            self.destroy_subscription(subscription)
        for publisher in (*self._images.values(), *self._infos.values()):
            self.destroy_publisher(publisher)
        self._rig.close()

    def start(self) -> None:
        """Begin to look which images are wanted."""
        self._timer = self.create_timer(min(0.02, 0.2 / self.parameters.values.rate_hz), self._look)

    def stop(self) -> None:
        """End it."""
        self.destroy_timer(self._timer)

    def _take_trial(self, message: Any) -> None:
        try:
            self._rig.show_trial(TrialSource(**json.loads(message.data)))
        except (WorkcellError, TypeError, ValueError) as error:
            self.get_logger().error(f"/sim/trial cannot be shown: {error}")

    def _take_state(self, message: Any) -> None:
        try:
            self._rig.set_state(message.data)
        except ValueError as error:
            self.get_logger().warning(f"/sim/scene_state is refused: {error}", throttle_duration_sec=5.0)

    def _take_region(self, side: str, message: Any) -> None:
        region = region_from_message(message)
        if region != self._regions[side]:
            self._regions[side] = region
            self._next_s[side] = 0.0  # whoever asks for something else does not want to wait for it

    def _look(self) -> None:
        """Take the image that is due for longest; one at a time, so that newer states are heard in between."""
        now_s = time.monotonic()
        if not self._rig.is_ready:
            return
        wanted = [side for side in SIDES if self._images[side].get_subscription_count() and self._next_s[side] <= now_s]
        if wanted:
            side = min(wanted, key=lambda name: self._next_s[name])
            self._next_s[side] = max(self._next_s[side] + 1.0 / self.parameters.values.rate_hz, now_s)
            self._take_image(side)

    def _take_image(self, side: str) -> None:
        try:
            frame = self._rig.capture(side, self._regions[side])
        except WorkcellError as error:
            self.get_logger().warning(f"{error}; the whole image is taken")
            self._regions[side] = None
            return
        self._infos[side].publish(camera_info(frame, self._rig.intrinsics))
        self._images[side].publish(image_message(frame))


def main() -> None:
    """Run the node, behind everything that has to keep time: a late image harms nobody."""
    os.nice(_NICENESS)
    sys.exit(run_node(SimCamera, carries_images=True))
