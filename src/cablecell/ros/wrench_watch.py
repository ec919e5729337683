"""The watch over the force sensor inside the control loop: what it finds stops a guarded motion and is a diagnostic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from cablecell.core.control.modes import ControllerMode
from cablecell.core.fusion.wrench_crosscheck import CrossCheckSettings, WrenchCrossCheck
from cablecell.core.fusion.wrench_health import WrenchDriftError, WrenchFault, WrenchHealth, WrenchHealthSettings
from cablecell.core.geometry import Array
from cablecell.ros.control_loop import Cycle

_EVERY = 5
"""Cycles between two readings that are judged: 100 Hz tell as much as 500, for a fifth of the time."""

_FINGERS_M = 2e-4
"""Fingers that move by more between two readings are not at rest."""

_GUARDED = (ControllerMode.COMPLIANCE, ControllerMode.MOTION_UPDATE)
"""Modes in which the tool is led into contact, and only the force sensor says how hard it presses."""


class WrenchWatch:
    """Judges the force sensor; `take` runs in the control loop and costs some microseconds a cycle.

    A guarded motion with a sensor that is not trusted is stopped; any other motion goes on. Drift that was found at
    rest does not stop one: a tare takes it away, and it may have been a touch. Drift that was found in a guarded motion
    is a fault until the sensor is seen to be steady at rest.
    """

    def __init__(
        self,
        on_fault: Callable[[WrenchFault], None],
        settings: WrenchHealthSettings | None = None,
        *,
        stop: Callable[[WrenchFault], None] = lambda _: None,
        disagreement: Callable[[], Array | None] = lambda: None,
        cross_check: CrossCheckSettings | None = None,
    ) -> None:
        """Trust the sensor; everything is called in the control loop's thread, which must not wait.

        Args:
            on_fault: Gets a new fault.
            settings: When the sensor is not trusted.
            stop: Stops the motion that is under way because of a fault.
            disagreement: Returns what pushes the arm beyond what the sensor feels; None where nothing can tell.
            cross_check: When that is too much.
        """
        self._on_fault, self._settings, self._stop = on_fault, settings, stop
        self._disagreement, self._cross_settings = disagreement, cross_check
        self.forget()

    def forget(self) -> None:
        """Begin anew, as with another sensor."""
        self._health, self._width_m = WrenchHealth(self._settings), 0.0
        self._bias: Array | None = None
        self._cross = WrenchCrossCheck(self._cross_settings)
        self._drift: WrenchFault | None = None

    @property
    def fault(self) -> WrenchFault | None:
        """Why the sensor is not trusted, or None."""
        return self._health.fault or self._drift

    def take(self, cycle: Cycle) -> None:
        """Judge the reading of a cycle."""
        if cycle.number % _EVERY:
            return
        # Fingers that move take up or put down a weight.
        is_gripping = abs(cycle.gripper.width_m - self._width_m) > _FINGERS_M
        self._width_m = cycle.gripper.width_m
        if self._bias is not None and not np.array_equal(cycle.bias, self._bias):
            self._health.tare()
        self._bias = cycle.bias
        mode = cycle.report.mode
        is_held = mode is ControllerMode.HOLD and not is_gripping
        fault = self._health.step(cycle.state.stamp_s, cycle.sample, cycle.state.q, is_held=is_held)
        if fault is not None:
            self._on_fault(fault)
        if mode not in _GUARDED:
            self._cross.reset()
            if mode is not ControllerMode.STOPPED and self._drift is not None:
                # Whether it is over is for the reading at rest to tell, best after a tare.
                self._health.suspect(self._drift)
                self._drift = None
            return
        self._compare(cycle, is_gripping=is_gripping)
        lasting = self._drift or self._health.fault
        if lasting is not None and (lasting is self._drift or not isinstance(lasting.error, WrenchDriftError)):
            self._stop(lasting)

    def _compare(self, cycle: Cycle, *, is_gripping: bool) -> None:
        """Compare sensor and arm during a guarded motion."""
        disagreement = self._disagreement()
        if disagreement is None or is_gripping or cycle.report.mode is not ControllerMode.COMPLIANCE:
            self._cross.reset()
            return
        drift = self._cross.step(
            cycle.state.stamp_s,
            disagreement,
            cycle.report.V_base_tcp,
            float(np.linalg.norm(cycle.wrench_tcp[:3])),
        )
        if drift is not None and self._drift is None:
            self._on_fault(drift)
        self._drift = drift or self._drift

    def status(self, node: str) -> Any:
        """Return what is to be said about the sensor now."""
        fault, name = self.fault, f"{node}: force sensor"
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
