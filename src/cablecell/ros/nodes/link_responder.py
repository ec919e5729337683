"""Node `link_responder`: the answering side of a link check (heartbeat, ping, exercise)."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

import rclpy.action
from cablecell_interfaces.action import ExerciseLink
from cablecell_interfaces.msg import LinkHeartbeat
from cablecell_interfaces.srv import PingLink
from lifecycle_msgs.msg import State
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup

from cablecell.core.config.link import LinkResponderParameters
from cablecell.core.errors import CancelledError, LinkRequestError, NotActiveError
from cablecell.core.supervision.exercise import Exercise, ExerciseLimits, check_payload
from cablecell.ros import qos
from cablecell.ros.error_codes import fill_result
from cablecell.ros.lifecycle import CellNode, run_node


class LinkResponder(CellNode[LinkResponderParameters]):
    """Publishes `link/heartbeat`, serves `link/ping` and the action `link/exercise`."""

    def __init__(self) -> None:
        super().__init__("link_responder", LinkResponderParameters)
        self._sequence = 0
        self._publishing = threading.Lock()  # the timer and an exercise count with one sequence

    def setup(self) -> None:
        """Create the interfaces."""
        self._heartbeat = self.create_lifecycle_publisher(LinkHeartbeat, "link/heartbeat", qos.HEARTBEAT)
        self._ping = self.create_service(
            PingLink, "link/ping", self._answer_ping, callback_group=MutuallyExclusiveCallbackGroup()
        )
        self._exercise = ActionServer(
            self,
            ExerciseLink,
            "link/exercise",
            execute_callback=self._run_exercise,
            goal_callback=self._accept_goal,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
            callback_group=ReentrantCallbackGroup(),
        )

    def teardown(self) -> None:
        """Destroy the interfaces."""
        self._exercise.destroy()
        self.destroy_service(self._ping)
        self.destroy_publisher(self._heartbeat)

    def start(self) -> None:
        """Begin the heartbeat."""
        self._sequence = 0
        self._timer = self.create_timer(
            1.0 / self.parameters.values.rate_hz, self._beat, callback_group=MutuallyExclusiveCallbackGroup()
        )

    def stop(self) -> None:
        """End the heartbeat."""
        self.destroy_timer(self._timer)

    def _beat(self, payload: bytes = b"") -> None:
        message = LinkHeartbeat(
            node_name=self.get_fully_qualified_name(), lifecycle_state=State.PRIMARY_STATE_ACTIVE, payload=payload
        )
        with self._publishing:
            message.sequence = self._sequence
            self._sequence += 1
            message.header.stamp = self.get_clock().now().to_msg()
            self._heartbeat.publish(message)

    def _answer_ping(self, request: Any, response: Any) -> Any:
        response.received = self.get_clock().now().to_msg()
        try:
            self._require_active()
            check_payload(len(request.payload), self.parameters.values.payload_limit_bytes)
        except (NotActiveError, LinkRequestError) as error:
            return fill_result(response, error)
        response.payload = request.payload
        return fill_result(response, None)

    def _require_active(self) -> None:
        if not self.is_active:
            raise NotActiveError(f"{self.get_fully_qualified_name()} is not active; activate it first")

    def _accept_goal(self, _: Any) -> GoalResponse:
        # An inactive node takes no goals; the content is judged during execution, where a reason can be given.
        return GoalResponse.ACCEPT if self.is_active else GoalResponse.REJECT

    def _run_exercise(self, goal: Any) -> Any:
        request = goal.request
        feedback = ExerciseLink.Feedback()
        limits = self.parameters.values
        try:
            exercise = Exercise(
                request.count,
                request.rate_hz,
                request.payload_bytes,
                ExerciseLimits(limits.burst_count_limit, limits.burst_rate_limit_hz, limits.payload_limit_bytes),
                time.monotonic(),
            )
        except LinkRequestError as error:
            goal.abort()
            return fill_result(ExerciseLink.Result(), error)
        payload = bytes(exercise.payload_bytes)
        feedback.phase = ExerciseLink.Feedback.PHASE_SENDING
        reported_s = 0.0
        while not exercise.is_done:
            if goal.is_cancel_requested or not self.is_active:
                return self._end_early(goal, exercise)
            for _ in range(exercise.take_due(time.monotonic())):
                self._beat(payload)
            now_s = time.monotonic()
            if now_s - reported_s >= 0.1:
                feedback.sent, reported_s = exercise.sent, now_s
                goal.publish_feedback(feedback)
            time.sleep(min(0.05, exercise.time_to_next(now_s)))
        goal.succeed()
        return fill_result(ExerciseLink.Result(attempts=1, sent=exercise.sent), None)

    def _end_early(self, goal: Any, exercise: Exercise) -> Any:
        result = ExerciseLink.Result(attempts=1, sent=exercise.sent)
        progress = f"after {exercise.sent} of {exercise.count} heartbeats"
        if goal.is_cancel_requested:
            goal.canceled()
            return fill_result(result, CancelledError(f"cancelled {progress}"))
        goal.abort()
        return fill_result(result, NotActiveError(f"the responder was deactivated {progress}"))


def main() -> None:
    """Run the node."""
    sys.exit(run_node(LinkResponder, blocking_actions=True))
