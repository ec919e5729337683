"""Node `aic_adapter`: gives a policy of the AI for Industry Challenge what it expects of its surroundings."""

from __future__ import annotations

import sys
import time
from functools import partial
from typing import Any

from aic_control_interfaces.msg import ControllerState
from aic_model_interfaces.msg import Observation
from geometry_msgs.msg import WrenchStamped
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Empty
from std_srvs.srv import Trigger

from cablecell.core.config.aic import AicAdapterParameters
from cablecell.ros import qos
from cablecell.ros.aic_observations import SENSOR_FRAME, SIDES, ObservationMaker
from cablecell.ros.aic_tare import RotatingTare
from cablecell.ros.lifecycle import CellNode, run_node

_IN_FLIGHT = 2
"""Triggers whose images are awaited at most: a camera slower than the rate must not fall behind more and more."""
_LOST_S = 1.0
"""Time after which images that were asked for will not come any more."""
_WRENCH_EVERY = 5
"""Readings of the force sensor from one that is passed on to the next: 250 Hz become 50 Hz."""


class AicAdapter(CellNode[AicAdapterParameters]):
    """Publishes `/observations`, and the controller's state and the wrench under the challenge's names.

    A tare here takes the controller's with it: the state's `fts_tare_offset` is then what the challenge's controller
    would publish, so that `wrist_wrench` minus it is the contact in every orientation.
    """

    def __init__(self) -> None:
        super().__init__("aic_adapter_node", AicAdapterParameters)

    def setup(self) -> None:
        """Create the interfaces."""
        self._maker, self._tare = ObservationMaker(), RotatingTare()
        self._triggered_s: list[float] = []
        self._readings = 0
        make = self.create_lifecycle_publisher
        self._observations = make(Observation, "/observations", qos.COMMAND)
        self._states = make(ControllerState, "/aic_controller/controller_state", qos.MEASUREMENT)
        self._wrenches = make(WrenchStamped, "/fts_broadcaster/wrench", qos.MEASUREMENT)
        self._trigger = make(Empty, "camera_trigger", qos.COMMAND)
        self._arm_tare = self.create_client(Trigger, "tare_force_torque_sensor")
        self._service = self.create_service(Trigger, "/aic_controller/tare_force_torque_sensor", self._answer_tare)
        self._inputs = [
            self.create_subscription(ControllerState, "controller_state", self._take_state, qos.MEASUREMENT),
            self.create_subscription(WrenchStamped, "wrench_raw", self._take_wrench, qos.MEASUREMENT),
            self.create_subscription(JointState, "joint_states", self._maker.take_joints, qos.MEASUREMENT),
        ]
        for side in SIDES:
            self._inputs += [
                self.create_subscription(
                    CameraInfo, f"{side}_camera/camera_info", partial(self._maker.take_info, side), qos.IMAGE
                ),
                self.create_subscription(Image, f"{side}_camera/image", partial(self._take_image, side), qos.IMAGE),
            ]

    def teardown(self) -> None:
        """Destroy them."""
        for subscription in self._inputs:
            self.destroy_subscription(subscription)
        for publisher in (self._observations, self._states, self._wrenches, self._trigger):
            self.destroy_publisher(publisher)
        self.destroy_service(self._service)
        self.destroy_client(self._arm_tare)

    def start(self) -> None:
        """Begin to trigger the cameras."""
        rate_hz = self.parameters.values.trigger_rate_hz
        self._timer = self.create_timer(1.0 / rate_hz, self._expose) if rate_hz else None

    def stop(self) -> None:
        """End it."""
        if self._timer is not None:
            self.destroy_timer(self._timer)

    def _expose(self) -> None:
        now_s = time.monotonic()
        self._triggered_s = [at_s for at_s in self._triggered_s if now_s - at_s < _LOST_S]
        if len(self._triggered_s) < _IN_FLIGHT:
            self._triggered_s.append(now_s)
            self._trigger.publish(Empty())

    def _take_image(self, side: str, message: Any) -> None:
        observation = self._maker.take_image(side, message)
        if side == SIDES[-1]:
            self._triggered_s = self._triggered_s[1:]
        if observation is not None and self.is_active:
            self._observations.publish(observation)

    def _take_state(self, message: Any) -> None:
        self._tare.take_pose(message.tcp_pose)
        message.fts_tare_offset.header.frame_id = SENSOR_FRAME
        self._tare.fill(message.fts_tare_offset.wrench)
        self._maker.take_state(message)
        if self.is_active:
            self._states.publish(message)

    def _take_wrench(self, message: Any) -> None:
        self._tare.take_reading(message.wrench)
        self._maker.take_wrench(message)
        self._readings += 1
        if self._readings % _WRENCH_EVERY == 0 and self.is_active:
            self._wrenches.publish(message)

    def _answer_tare(self, _: Any, response: Any) -> Any:
        response.message = self._tare.tare()
        response.success = not response.message
        if response.success:
            self._arm_tare.call_async(Trigger.Request()).add_done_callback(self._note_tare)
        return response

    def _note_tare(self, future: Any) -> None:
        if not future.result().success:
            self.get_logger().warning(f"the controller itself was not tared: {future.result().message}")


def main() -> None:
    """Run the node."""
    sys.exit(run_node(AicAdapter, carries_images=True))
