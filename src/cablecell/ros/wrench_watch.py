"""The watch over the force sensor inside the control loop, and its finding as a diagnostic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from cablecell.core.control.modes import ControllerMode
from cablecell.core.fusion.wrench_health import WrenchFault, WrenchHealth, WrenchHealthSettings
from cablecell.ros.control_loop import Cycle

_EVERY = 5
"""Cycles between two readings that are judged: 100 Hz tell as much as 500, for a fifth of the time."""

_FINGERS_M = 2e-4
"""Fingers that move by more between two readings are not at rest."""


class WrenchWatch:
    """Judges the force sensor; `take` runs in the control loop and costs some microseconds a cycle."""

    def __init__(self, on_fault: Callable[[WrenchFault], None], settings: WrenchHealthSettings | None = None) -> None:
        """Trust the sensor; a new fault is handed over in the control loop's thread, which must not wait."""
        self._on_fault, self._settings = on_fault, settings
        self.forget()

    def forget(self) -> None:
        """Begin anew, as with another sensor."""
        self._health, self._width_m = WrenchHealth(self._settings), 0.0

    def take(self, cycle: Cycle) -> None:
        """Judge the reading of a cycle."""
        if cycle.number % _EVERY:
            return
        # Fingers that move take up or put down a weight.
        is_gripping = abs(cycle.gripper.width_m - self._width_m) > _FINGERS_M
        self._width_m = cycle.gripper.width_m
        is_held = cycle.report.mode is ControllerMode.HOLD and not is_gripping
        fault = self._health.step(cycle.state.stamp_s, cycle.sample, cycle.state.q, is_held=is_held)
        if fault is not None:
            self._on_fault(fault)

    def status(self, node: str) -> Any:
        """Return what is to be said about the sensor now."""
        fault, name = self._health.fault, f"{node}: force sensor"
        if fault is None:
            return DiagnosticStatus(level=DiagnosticStatus.OK, name=name, message="OK", hardware_id="force_sensor")
        status = DiagnosticStatus(
            level=DiagnosticStatus.ERROR, name=name, message=str(fault.error), hardware_id="force_sensor"
        )
        values = {
            "code": str(fault.error.code),
            "axes": ", ".join(fault.axes),
            "value": fault.error.value,
            "limit": fault.error.limit,
            "unit": fault.error.unit,
            "detected_after_s": f"{fault.detected_s - fault.since_s:.3f}",
        }
        status.values = [KeyValue(key=key, value=value) for key, value in values.items()]
        return status
