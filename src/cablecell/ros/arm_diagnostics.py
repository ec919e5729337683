"""What `arm_controller` says about itself: timing of the loop, mode and fault, refused commands."""

from __future__ import annotations

import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from cablecell.core.config.arm_controller import ArmControllerParameters
from cablecell.core.control.modes import ControllerMode
from cablecell.ros.control_loop import ControlLoop

_SLOW = 0.95
"""Share of real time below which the machine is reported as slow."""


class ArmDiagnostics:
    """Makes the status of a control loop; rates are those since the last message."""

    def __init__(self, name: str, loop: ControlLoop, settings: ArmControllerParameters) -> None:
        self._name, self._loop, self._settings = name, loop, settings
        self._cycles, self._at_s = 0, time.monotonic()
        self._refused = 0
        self._real_time_factor = 1.0

    def message(self, stamp: Any) -> DiagnosticArray:
        """Return the status now."""
        loop, last = self._loop, self._loop.last
        now_s = time.monotonic()
        cycles = 0 if last is None else last.number
        elapsed_s = now_s - self._at_s
        if elapsed_s > 0.05:
            self._real_time_factor = (cycles - self._cycles) / self._settings.rate_hz / elapsed_s
            self._cycles, self._at_s = cycles, now_s
        report = loop.statistics.report()
        level, text = self._judge()
        mode = "none" if last is None else last.report.mode.value
        values = {
            "mode": mode,
            "fault_code": "0" if last is None or last.report.fault is None else str(last.report.fault.code),
            "is_held": str(last is not None and last.report.is_held),
            "real_time_factor": f"{self._real_time_factor:.3f}",
            "lost_s": f"{loop.pacer.lost_s:.3f}",
            "cycles": str(report.count),
            "over_4ms": f"{report.long_share:.5f}",
            "period_median_s": f"{report.median_s:.6f}",
            "period_p999_s": f"{report.p999_s:.6f}",
            "period_longest_s": f"{report.longest_s:.6f}",
            "busy_mean_s": f"{report.busy_s:.6f}",
            "refused_commands": str(loop.refused[0]),
            "command_timeouts": str(loop.timeouts),
            "contact_force_n": "nan" if last is None else f"{_norm(last.wrench_tcp[:3]):.2f}",
            "is_wrench_overloaded": str(last is not None and last.sample.is_overloaded),
        }
        status = DiagnosticStatus(
            level=bytes([level]),
            name=f"{self._name}: control loop",
            message=text,
            hardware_id=self._settings.hardware,
            values=[KeyValue(key=key, value=value) for key, value in values.items()],
        )
        array = DiagnosticArray(status=[status])
        array.header.stamp = stamp
        return array

    def take_refused(self) -> str:
        """Return a line about the commands that were refused since the last time; empty when there were none."""
        count, error = self._loop.refused
        new, self._refused = count - self._refused, count
        return "" if new == 0 or error is None else f"{new} commands refused, newest with code {error.code}: {error}"

    def _judge(self) -> tuple[int, str]:
        last = self._loop.last
        if self._loop.fault is not None:
            return 2, f"the control loop ended: {self._loop.fault}"
        if last is None:
            return 1, "the control loop has not begun"
        fault = last.report.fault
        if last.report.mode is ControllerMode.STOPPED:
            return 2, "stopped" if fault is None else f"stopped, code {fault.code}: {fault}"
        if self._real_time_factor < _SLOW:
            return 1, f"slower than real time by a factor of {self._real_time_factor:.2f}"
        return 0, "OK"


def _norm(values: Any) -> float:
    return float((values @ values) ** 0.5)
