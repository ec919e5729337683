"""The actions of `arm_controller`: following a joint trajectory, moving the gripper.

Goals run without a thread of their own: the loop does the work, and a timer looks at it, gives feedback and ends them.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from control_msgs.action import FollowJointTrajectory, GripperCommand
from rclpy.action import ActionServer, CancelResponse, GoalResponse

from cablecell.core.control.errors import (
    ExecutionError,
    GoalToleranceError,
    PathToleranceError,
    StaleCommandError,
    TrajectoryRejectedError,
)
from cablecell.core.control.modes import ControllerMode
from cablecell.core.control.trajectory import FollowState, Tolerances, TrajectoryFollower
from cablecell.core.errors import CancelledError, NotActiveError, WorkcellError
from cablecell.ros.arm_errors import PreemptedError
from cablecell.ros.control_loop import ControlLoop
from cablecell.ros.conversions import fill_time, joint_trajectory, time_ns, tolerances

_WATCH_PERIOD_S = 0.02
_FEEDBACK_EVERY = 5
_WIDTH_TOLERANCE_M = 0.0005
_STALL_TIME_S = 0.3
_GRIPPER_TIME_S = 4.0

_RESULT_CODES = (
    (PathToleranceError, FollowJointTrajectory.Result.PATH_TOLERANCE_VIOLATED),
    (GoalToleranceError, FollowJointTrajectory.Result.GOAL_TOLERANCE_VIOLATED),
    (StaleCommandError, FollowJointTrajectory.Result.OLD_HEADER_TIMESTAMP),
)


class WatchedActionServer(ActionServer):
    """An action server whose goals are ended by `finish`, not by the return of a callback."""

    def __init__(self, node: Any, action_type: Any, name: str, **callbacks: Any) -> None:
        super().__init__(node, action_type, name, execute_callback=lambda _: None, **callbacks)

    def notify_execute(self, goal_handle: Any, execute_callback: Any) -> None:
        """Run a given callback only: a goal that was just accepted has nothing to run."""
        if execute_callback is not None:
            super().notify_execute(goal_handle, execute_callback)

    def finish(self, goal_handle: Any, result: Any, how: str) -> None:
        """End a goal: `how` is "succeed", "abort" or "canceled"."""

        def end(goal: Any) -> Any:
            getattr(goal, how)()
            return result

        self.notify_execute(goal_handle, end)


class TrajectoryAction:
    """`follow_joint_trajectory`: one goal at a time; a new one takes the place of the old."""

    def __init__(
        self, node: Any, loop: ControlLoop, joints: tuple[str, ...], name: str = "follow_joint_trajectory"
    ) -> None:
        self._node, self._loop, self._joints = node, loop, joints
        self._goal: Any = None
        self._follower: TrajectoryFollower | None = None
        self._looks = 0
        self._server = WatchedActionServer(
            node,
            FollowJointTrajectory,
            name,
            goal_callback=lambda _: GoalResponse.ACCEPT if node.is_active else GoalResponse.REJECT,
            handle_accepted_callback=self._begin,
            cancel_callback=self._cancel,
        )
        self._timer = node.create_timer(_WATCH_PERIOD_S, self._look)
        self._timer.cancel()

    def destroy(self) -> None:
        """Destroy the server."""
        self._node.destroy_timer(self._timer)
        self._server.destroy()

    def end(self, error: WorkcellError) -> None:
        """End a running goal, as when the node is deactivated."""
        if self._goal is not None:
            self._finish(error)

    def _begin(self, goal: Any) -> None:
        goal.execute()
        try:
            follower = self._loop.request(lambda: self._start(goal.request))
        except WorkcellError as error:
            self._answer(goal, error)  # the goal before it goes on, as if this one had never come
            return
        self.end(PreemptedError("a newer trajectory took the place of this one", quantity="goal"))
        self._goal, self._follower = goal, follower
        self._looks = 0
        self._timer.reset()

    def _start(self, request: Any) -> TrajectoryFollower:
        """Start the trajectory; called by the loop."""
        stamp = time_ns(request.trajectory.header.stamp)
        late_s = (time.time_ns() - stamp) * 1e-9
        if stamp and abs(late_s) > 0.5:
            raise (StaleCommandError if late_s > 0.0 else TrajectoryRejectedError)(
                f"the trajectory is to start {abs(late_s):.3f} s {'ago' if late_s > 0.0 else 'from now'}; it must be "
                "within 0.5 s of now, or without a stamp",
                quantity="stamp",
                value=late_s,
                limit=0.5,
                unit="s",
            )
        q = self._loop.measured_q()
        trajectory = joint_trajectory(request.trajectory, self._joints, q)
        return self._loop.controller.start_trajectory(trajectory, tolerances(request, Tolerances()), q)

    def _cancel(self, goal: Any) -> CancelResponse:
        follower = self._follower
        if goal is self._goal and follower is not None:
            follower.cancel()  # one word that the loop reads at its next step
        return CancelResponse.ACCEPT

    def _look(self) -> None:
        follower, last = self._follower, self._loop.last
        if self._goal is None or follower is None or last is None:
            return
        if follower.state.is_final:
            self._finish(_outcome(follower))
        elif not self._loop.is_running:
            self._finish(NotActiveError("the control loop ended during the trajectory"))
        elif self._looks > 0 and (
            last.report.mode is not ControllerMode.TRAJECTORY or self._loop.controller.follower is not follower
        ):
            reason = last.report.fault or PreemptedError(
                f"the controller left the trajectory for mode {last.report.mode.value}", quantity="mode"
            )
            self._finish(reason)
        elif self._looks % _FEEDBACK_EVERY == 0:
            self._give_feedback(last)
        self._looks += 1

    def _give_feedback(self, cycle: Any) -> None:
        feedback = FollowJointTrajectory.Feedback(joint_names=list(self._joints))
        fill_time(feedback.header.stamp, cycle.stamp_ns)
        feedback.actual.positions, feedback.actual.velocities = cycle.state.q, cycle.state.dq
        self._goal.publish_feedback(feedback)

    def _finish(self, error: WorkcellError | None) -> None:
        goal, follower, self._goal, self._follower = self._goal, self._follower, None, None
        self._timer.cancel()
        if follower is not None:
            follower.cancel()  # whatever ended the goal: nobody owns this motion any more
        self._answer(goal, error)

    def _answer(self, goal: Any, error: WorkcellError | None) -> None:
        result = FollowJointTrajectory.Result()
        if error is None:
            self._server.finish(goal, result, "succeed")
            return
        result.error_string = f"code {error.code}: {error}"
        if isinstance(error, CancelledError) and goal.is_cancel_requested:
            self._server.finish(goal, result, "canceled")
            return
        invalid = FollowJointTrajectory.Result.INVALID_GOAL
        if isinstance(error, TrajectoryRejectedError) and error.quantity == "joint_names":
            invalid = FollowJointTrajectory.Result.INVALID_JOINTS
        result.error_code = next((code for cls, code in _RESULT_CODES if isinstance(error, cls)), invalid)
        self._server.finish(goal, result, "abort")


def _outcome(follower: TrajectoryFollower) -> WorkcellError | None:
    if follower.state is FollowState.SUCCEEDED:
        return None
    if follower.fault is not None:
        return follower.fault
    if follower.state is FollowState.CANCELLED:
        return CancelledError(f"cancelled after {100.0 * follower.progress:.0f} % of the trajectory")
    return ExecutionError("the trajectory was aborted", quantity="trajectory", value=follower.state.value)


class GripperAction:
    """`gripper_command`: the goal ends when the fingers arrive or are stopped."""

    def __init__(
        self,
        node: Any,
        loop: ControlLoop,
        gripper: Any,
        default_force_n: float,
        name: str = "gripper_command",
        width_per_position: float = 1.0,
    ) -> None:
        """Create the server.

        Args:
            node: The node.
            loop: The control loop.
            gripper: The gripper, told widths.
            default_force_n: Force where a goal asks for none, N.
            name: Name of the action.
            width_per_position: Distance of the fingers, m, for a position of 1 in goal and result.
        """
        self._node, self._loop, self._gripper, self._default_force_n = node, loop, gripper, default_force_n
        self._width_per_position = width_per_position
        self._goal: Any = None
        self._server = WatchedActionServer(
            node,
            GripperCommand,
            name,
            goal_callback=lambda _: GoalResponse.ACCEPT if node.is_active else GoalResponse.REJECT,
            handle_accepted_callback=self._begin,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
        )
        self._timer = node.create_timer(_WATCH_PERIOD_S, self._look)
        self._timer.cancel()

    def destroy(self) -> None:
        """Destroy the server."""
        self._node.destroy_timer(self._timer)
        self._server.destroy()

    def end(self) -> None:
        """End a running goal."""
        if self._goal is not None:
            self._finish("abort")

    def _begin(self, goal: Any) -> None:
        goal.execute()
        self.end()
        self._goal = goal
        command = goal.request.command
        self._goal_width_m = width_m = command.position * self._width_per_position
        force_n = command.max_effort if command.max_effort > 0.0 else self._default_force_n
        try:
            self._loop.request(lambda: self._gripper.command(width_m, force_n))
        except WorkcellError as error:
            self._node.get_logger().warning(f"gripper command refused, code {error.code}: {error}")
            self._finish("abort")
            return
        self._began_s = self._moved_s = time.monotonic()
        self._width_m = np.inf
        self._timer.reset()

    def _look(self) -> None:
        last = self._loop.last
        if self._goal is None or last is None:
            return
        now_s, gripper = time.monotonic(), last.gripper
        if abs(gripper.width_m - self._width_m) > _WIDTH_TOLERANCE_M / 10.0:
            self._width_m, self._moved_s = gripper.width_m, now_s
        arrived = abs(gripper.width_m - self._goal_width_m) < _WIDTH_TOLERANCE_M
        stalled = now_s - self._moved_s > _STALL_TIME_S
        if self._goal.is_cancel_requested:
            self._finish("canceled")
        elif arrived or (stalled and gripper.is_holding):
            self._finish("succeed", arrived=arrived, stalled=stalled and not arrived)
        elif stalled or now_s - self._began_s > _GRIPPER_TIME_S or not self._loop.is_running:
            self._finish("abort", stalled=stalled)

    def _finish(self, how: str, *, arrived: bool = False, stalled: bool = False) -> None:
        goal, self._goal = self._goal, None
        self._timer.cancel()
        result = GripperCommand.Result(reached_goal=arrived, stalled=stalled)
        if self._loop.last is not None:
            gripper = self._loop.last.gripper
            result.position, result.effort = gripper.width_m / self._width_per_position, gripper.force_n
        self._server.finish(goal, result, how)
