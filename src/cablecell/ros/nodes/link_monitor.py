"""Node `link_monitor`: the asking side of a link check; reports loss, latency and round trips as diagnostics."""

from __future__ import annotations

import math
import sys
import time
from typing import Any

from cablecell_interfaces.action import ExerciseLink
from cablecell_interfaces.msg import LinkHeartbeat
from cablecell_interfaces.srv import PingLink
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.time import Time

from cablecell.core.config.link import LinkMonitorParameters
from cablecell.core.supervision.link import LinkState, LinkStatistics
from cablecell.ros import qos
from cablecell.ros.lifecycle import CellNode, run_node


class LinkMonitor(CellNode[LinkMonitorParameters]):
    """Listens to `link/heartbeat`, calls `link/ping`, runs `link/exercise` once, publishes `diagnostics`."""

    def __init__(self) -> None:
        super().__init__("link_monitor", LinkMonitorParameters)

    def setup(self) -> None:
        """Create the interfaces."""
        self._diagnostics = self.create_lifecycle_publisher(DiagnosticArray, "diagnostics", qos.DIAGNOSTICS)
        self._ping = self.create_client(PingLink, "link/ping")
        self._exercise = self.action_client(ExerciseLink, "link/exercise")

    def teardown(self) -> None:
        """Destroy the interfaces."""
        self.destroy_client(self._ping)
        self.destroy_publisher(self._diagnostics)

    def start(self) -> None:
        """Begin to listen and to report."""
        limits = self.parameters.values
        self._statistics = LinkStatistics(
            silence_limit_s=limits.silence_limit_s, latency_limit_s=limits.latency_limit_s, start_s=time.monotonic()
        )
        self._ping_pending_s: float | None = None
        self._ping_s = math.nan
        self._exercise_goal: Any = None
        self._exercise_outcome = "none" if limits.exercise_count == 0 else "waiting for the responder"
        self._exercise_is_due = limits.exercise_count > 0
        self._heartbeat = self.create_subscription(LinkHeartbeat, "link/heartbeat", self._hear, qos.HEARTBEAT)
        self._timer = self.create_timer(1.0 / limits.report_rate_hz, self._work)

    def stop(self) -> None:
        """Stop listening and cancel a running exercise."""
        self.destroy_timer(self._timer)
        self.destroy_subscription(self._heartbeat)
        if self._exercise_goal is not None:
            self._exercise_goal.cancel_goal_async()
            self._exercise_goal = None

    def _hear(self, message: Any) -> None:
        latency_s = (self.get_clock().now() - Time.from_msg(message.header.stamp)).nanoseconds * 1e-9
        self._statistics.add(message.sequence, latency_s, time.monotonic())

    def _work(self) -> None:
        """Report, ping again when the last ping was answered, and start the exercise when the server is there."""
        self._report()
        if self._ping_pending_s is None and self._ping.service_is_ready():
            self._ping_pending_s = time.monotonic()
            request = PingLink.Request(sent=self.get_clock().now().to_msg(), payload=b"ping")
            self._ping.call_async(request).add_done_callback(self._note_ping)
        if self._exercise_is_due and self._exercise.server_is_ready():
            self._exercise_is_due = False
            limits = self.parameters.values
            goal = ExerciseLink.Goal(count=limits.exercise_count, rate_hz=limits.exercise_rate_hz)
            self._exercise_outcome = "running"
            self._exercise.send_goal_async(goal).add_done_callback(self._note_goal)

    def _note_ping(self, future: Any) -> None:
        sent_s, self._ping_pending_s = self._ping_pending_s, None
        answer = future.result()
        if answer is None or sent_s is None:
            return
        if answer.error_code == 0 and bytes(answer.payload) == b"ping":
            self._ping_s = time.monotonic() - sent_s
        elif answer.error_code:
            self.get_logger().warning(
                f"ping refused, code {answer.error_code}: {answer.error_msg}", throttle_duration_sec=5.0
            )

    def _note_goal(self, future: Any) -> None:
        handle = future.result()
        if handle is None or not handle.accepted:
            # The responder may not be active yet: ask again at the next tick.
            self._exercise_outcome = "refused by the responder"
            self._exercise_is_due = True
            return
        self._exercise_goal = handle
        handle.get_result_async().add_done_callback(self._note_result)

    def _note_result(self, future: Any) -> None:
        self._exercise_goal = None
        result = future.result().result
        if result.error_code == 0:
            self._exercise_outcome = f"sent {result.sent}"
        else:
            self._exercise_outcome = f"code {result.error_code}: {result.error_msg}"

    def _report(self) -> None:
        report = self._statistics.report(time.monotonic())
        waited_s = 0.0 if self._ping_pending_s is None else time.monotonic() - self._ping_pending_s
        state, reason = report.state, report.reason
        if waited_s > self.parameters.values.silence_limit_s and state is not LinkState.LOST:
            state, reason = LinkState.LOST, f"ping unanswered for {waited_s:.3f} s"
        status = DiagnosticStatus(
            level=bytes([state]),
            name=f"{self.get_name()}: link",
            message=reason or "OK",
            hardware_id="link/heartbeat",
            values=[
                KeyValue(key="received", value=str(report.received)),
                KeyValue(key="lost", value=str(report.lost)),
                KeyValue(key="latency_median_s", value=f"{report.latency_median_s:.6f}"),
                KeyValue(key="latency_p99_s", value=f"{report.latency_p99_s:.6f}"),
                KeyValue(key="age_s", value=f"{report.age_s:.3f}"),
                KeyValue(key="ping_s", value=f"{self._ping_s:.6f}"),
                KeyValue(key="exercise", value=self._exercise_outcome),
            ],
        )
        array = DiagnosticArray(status=[status])
        array.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(array)


def main() -> None:
    """Run the node."""
    sys.exit(run_node(LinkMonitor))
