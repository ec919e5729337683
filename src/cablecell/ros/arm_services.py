"""The services of `arm_controller`: each hands a request to the control loop and answers with its outcome."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from aic_control_interfaces.srv import ChangeTargetMode
from cablecell_interfaces.srv import SetPayload, SetSpeedScale
from std_msgs.msg import Float64
from std_srvs.srv import Trigger

from cablecell.composition.machines import Backend, combine_payloads
from cablecell.core.control.errors import UnknownFrameError
from cablecell.core.control.validation import require_finite
from cablecell.core.errors import NotActiveError, WorkcellError
from cablecell.core.fusion.wrench import Payload
from cablecell.ros import qos
from cablecell.ros.arm_errors import ProtectiveStopError
from cablecell.ros.control_loop import ControlLoop
from cablecell.ros.conversions import FRAME_ALIASES, FT_FRAME, vector
from cablecell.ros.error_codes import fill_result


class ArmServices:
    """`stop`, `clear_stop`, `tare_force_torque_sensor`, `change_target_mode`, `set_payload`, `set_speed_scale`."""

    def __init__(
        self, node: Any, loop: ControlLoop, backend: Backend, before_clear: Callable[[], None] = lambda: None
    ) -> None:
        """Create the services.

        Args:
            node: The node.
            loop: The control loop.
            backend: What it controls.
            before_clear: Called before a stop is cleared; what it raises refuses that.
        """
        self._node, self._loop, self._backend, self._before_clear = node, loop, backend, before_clear
        self._services = [
            node.create_service(Trigger, "stop", self._trigger(self._stop)),
            node.create_service(Trigger, "clear_stop", self._trigger(self._clear_stop)),
            node.create_service(Trigger, "tare_force_torque_sensor", self._trigger(loop.tare)),
            node.create_service(ChangeTargetMode, "change_target_mode", self._change_target_mode),
            node.create_service(SetPayload, "set_payload", self._set_payload),
            node.create_service(SetSpeedScale, "set_speed_scale", self._set_speed_scale),
        ]
        self._speed_scale = node.create_lifecycle_publisher(Float64, "speed_scale", qos.STATE)

    def destroy(self) -> None:
        """Destroy the services."""
        for service in self._services:
            self._node.destroy_service(service)
        self._node.destroy_publisher(self._speed_scale)

    def publish_latched(self) -> None:
        """Publish the speed scale."""
        self._speed_scale.publish(Float64(data=self._loop.speed_scale))

    def _trigger(self, act: Callable[[], None]) -> Callable[[Any, Any], Any]:
        def answer(_: Any, response: Any) -> Any:
            error = self._attempt(act)
            response.success = error is None
            response.message = "" if error is None else f"code {error.code}: {error}"
            return response

        return answer

    def _attempt(self, act: Callable[[], None]) -> WorkcellError | None:
        try:
            if not self._node.is_active:
                raise NotActiveError(f"{self._node.get_fully_qualified_name()} is not active; activate it first")
            act()
        except WorkcellError as error:
            return error
        return None

    def _stop(self) -> None:
        fault = ProtectiveStopError("the arm was stopped by request; clear_stop lets it go on", quantity="stop")
        self._loop.request(lambda: self._loop.controller.stop(fault), stays_valid=True)

    def _clear_stop(self) -> None:
        self._before_clear()
        self._loop.request(self._loop.clear_stop)

    def _change_target_mode(self, request: Any, response: Any) -> Any:
        mode = request.target_mode.mode
        error = self._attempt(lambda: self._loop.request(lambda: self._loop.controller.change_target_mode(mode)))
        if error is not None:
            self._node.get_logger().warning(f"change_target_mode refused, code {error.code}: {error}")
        response.success = error is None
        return response

    def _set_payload(self, request: Any, response: Any) -> Any:
        return fill_result(response, self._attempt(lambda: self._apply_payload(request.payload)))

    def _set_speed_scale(self, request: Any, response: Any) -> Any:
        scale = float(request.speed_scale)
        error = self._attempt(lambda: self._loop.scale_speed(scale))
        if error is None:
            self.publish_latched()
        return fill_result(response, error)

    def _apply_payload(self, payload: Any) -> None:
        frame = payload.header.frame_id
        frame = FRAME_ALIASES.get(frame, frame)
        mass, com = float(payload.inertia.m), np.array(vector(payload.inertia.com))
        require_finite("payload.inertia", np.array([mass, *com]), "kg and m")
        if frame not in self._backend.tool_frames:
            valid = ", ".join(self._backend.tool_frames)
            raise UnknownFrameError(
                f"frame_id '{frame}' is not a frame of the tool; valid are {valid}",
                quantity="frame_id",
                value=frame,
                limit=valid,
            )
        X_tcp_frame = self._backend.tool_frames[frame]
        centre_tcp = X_tcp_frame[:3, :3] @ com + X_tcp_frame[:3, 3]
        X_tcp_ft = self._backend.tool_frames[FT_FRAME]
        carried = Payload(mass, X_tcp_ft[:3, :3].T @ (centre_tcp - X_tcp_ft[:3, 3]))

        def work() -> None:
            self._backend.set_arm_payload(mass, centre_tcp)
            self._loop.compensator.set_payload(combine_payloads(self._backend.tool_payload, carried))

        self._loop.request(work)
