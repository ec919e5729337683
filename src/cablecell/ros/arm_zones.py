"""Zones of people in `arm_controller`: `persons` in, a limit of the speed or a stop out."""

from __future__ import annotations

import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from geometry_msgs.msg import PoseArray

from cablecell.core.control.modes import ControllerMode
from cablecell.core.control.zones import ZoneGuard, ZoneHoldError, ZoneState, ZoneTable
from cablecell.core.errors import WorkcellError
from cablecell.ros import qos
from cablecell.ros.control_loop import ControlLoop
from cablecell.ros.conversions import BASE_FRAME

_LOOK_S = 0.05
"""Between two looks whether the sensor has fallen silent, s."""


class ZoneKeeper:
    """Applies the zones of a table to a control loop."""

    def __init__(self, node: Any, loop: ControlLoop, table: ZoneTable) -> None:
        """Create the interfaces; nothing is applied before `apply`.

        Args:
            node: The node; while it is not active nothing is applied, and nothing moves.
            loop: What is slowed down or stopped.
            table: The zones.
        """
        self._node, self._loop, self._guard = node, loop, ZoneGuard(table)
        self._said, self._refused = "", 0
        self._hearing = node.create_subscription(PoseArray, "persons", self._take, qos.SENSOR)
        self._timer = node.create_timer(_LOOK_S, self._tick)

    def destroy(self) -> None:
        """Destroy the interfaces."""
        self._node.destroy_timer(self._timer)
        self._node.destroy_subscription(self._hearing)

    def apply(self) -> ZoneState:
        """Have the loop do what the zones ask for now.

        Raises:
            LoopBusyError: The loop does not answer (code 316).
        """
        state = self._guard.look(time.monotonic())
        if state.speed_scale != self._loop.zone_scale:
            self._loop.limit_speed(state.speed_scale)
        last = self._loop.last
        if state.held_by and (last is None or last.report.mode is not ControllerMode.STOPPED):
            fault = ZoneHoldError(state.text, quantity="zone", value=", ".join(state.held_by))
            self._loop.request(lambda: self._loop.controller.stop(fault), stays_valid=True)
        if state.text != self._said:
            self._said = state.text
            self._node.get_logger().warning(f"zones, {state.text}")
        return state

    def clear(self) -> None:
        """Forget a stop before it is cleared.

        Raises:
            ZoneOccupiedError: Its zone is not free (code 638).
        """
        self._guard.clear(time.monotonic())

    def status(self, name: str) -> DiagnosticStatus:
        """Return what is said on `/diagnostics`."""
        state = self._guard.look(time.monotonic())
        is_slow = state.speed_scale < 1.0 or bool(state.occupied)
        level = DiagnosticStatus.ERROR if state.held_by else DiagnosticStatus.WARN if is_slow else DiagnosticStatus.OK
        values = {
            "code": str(ZoneHoldError.code if state.held_by else 0),
            "speed_scale": f"{state.speed_scale:.3f}",
            "occupied": ", ".join(state.occupied),
            "held_by": ", ".join(state.held_by),
            "is_silent": str(state.is_silent),
            "refused_messages": str(self._refused),
        }
        pairs = [KeyValue(key=key, value=value) for key, value in values.items()]
        return DiagnosticStatus(level=level, name=f"{name}: zones", message=state.text, values=pairs)

    def _take(self, message: Any) -> None:
        if message.header.frame_id != BASE_FRAME:  # nobody knows where they are: as if nothing had come
            self._refused += 1
            if self._refused == 1:
                self._node.get_logger().error(
                    f"persons in frame '{message.header.frame_id}' are refused; it must be '{BASE_FRAME}'"
                )
            return
        points = [(pose.position.x, pose.position.y, pose.position.z) for pose in message.poses]
        self._guard.take(points, time.monotonic())
        self._tick()

    def _tick(self) -> None:
        if not self._node.is_active:
            return
        try:
            self.apply()
        except WorkcellError as error:  # the loop ends, and says why itself
            self._node.get_logger().error(f"zones cannot be applied, code {error.code}: {error}")
