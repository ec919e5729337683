"""Node `motion_planner`: plans motions around the task board and what is held, and has the controller execute them."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from cablecell_interfaces.action import MoveSequence, MoveTo
from cablecell_interfaces.msg import PortEstimateArray
from cablecell_interfaces.srv import EditScene, PlanMotion, PlanSequence, SetLayout
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.qos import QoSProfile
from std_msgs.msg import String
from trajectory_msgs.msg import JointTrajectory
from visualization_msgs.msg import MarkerArray

from cablecell.composition.robot_description import load_robot_description
from cablecell.configuration import load_arm
from cablecell.core.config.motion_planner import MotionPlannerParameters
from cablecell.core.errors import NotActiveError, ParameterError, WorkcellError
from cablecell.core.motion.model import RobotModel
from cablecell.core.motion.scene import Scene
from cablecell.ros import qos
from cablecell.ros.conversions import fill_time, time_ns
from cablecell.ros.error_codes import fill_result
from cablecell.ros.estimator_layout import load_layout
from cablecell.ros.goals import GoalRunner, RunningGoal, Turns
from cablecell.ros.lifecycle import CellNode, run_node
from cablecell.ros.planner_arm import ArmLink
from cablecell.ros.planner_errors import (
    MoveBusyError,
    MoveCancelledError,
    MovePreemptedError,
    MoveRequestError,
    MoveTimeoutError,
)
from cablecell.ros.planner_messages import to_joint_trajectory, to_preview
from cablecell.ros.planner_moves import MoveMaker, Plan, thinned
from cablecell.ros.planner_scene import PlanningScene
from cablecell.ros.planner_targets import (
    MoveRequest,
    SequenceRequest,
    parse_named_targets,
    read_sequence,
    read_target,
)

_POLL_S = 0.01
_PLAN_OVERRUN_S = 20.0
"""What checking and timing a plan, and a busy machine, may take beyond the budget of the planner."""
_FEEDBACK_S = 0.1


def _description(settings: MotionPlannerParameters) -> str:
    """Return the URDF of the arm.

    Raises:
        ParameterError: The file cannot be read (code 901).
    """
    if not settings.description_file:
        return load_robot_description()
    try:
        return Path(settings.description_file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(
            f"description_file cannot be read: {error}", quantity="description_file", value=settings.description_file
        ) from error


def _no_check() -> None:
    """Never end a wait early."""


@dataclass
class _Move:
    """A running move."""

    goal: RunningGoal
    feedback_type: Any
    end_s: float
    reported_s: float = -math.inf

    def report(self, phase: int, elapsed_s: float = 0.0, duration_s: float = 0.0, *, at_once: bool = True) -> None:
        """Publish feedback, at most ten times a second unless at once."""
        now_s = time.monotonic()
        if not at_once and now_s - self.reported_s < _FEEDBACK_S:
            return
        self.reported_s = now_s
        feedback = self.feedback_type(phase=phase)
        feedback.progress = min(1.0, elapsed_s / duration_s) if duration_s > 0.0 else 0.0
        fill_time(feedback.time_remaining, max(0, round(1e9 * (duration_s - elapsed_s))))
        self.goal.publish_feedback(feedback)


class MotionPlannerNode(CellNode[MotionPlannerParameters]):
    """Serves moves and sequences of moves, their plans alone, and edits of its scene; publishes previews of its plans.

    Plans run one after the other in a thread of their own, so that cancels, states and parameters are answered
    meanwhile: the sampling planner calls back into Python all the time, and others get their turn then.
    """

    def __init__(self) -> None:
        super().__init__("motion_planner", MotionPlannerParameters)
        self._created = ExitStack()

    def setup(self) -> None:
        """Read descriptions, prepare the planner and create the interfaces."""
        settings = self.parameters.values
        urdf, joint_names = _description(settings), tuple(settings.joint_names)
        # For the threads of requests; the planner's own is for its thread alone.
        self._model = RobotModel(urdf, joint_names=joint_names)
        layout = load_layout(settings.layout_file, settings.layout)
        self._named = parse_named_targets(settings.named_targets, self._model)
        self._scene = PlanningScene(
            self._model,
            layout,
            assume_held=settings.assume_held,
            unseen_margin_m=settings.unseen_margin_m,
            q_home=np.array(list(self._named["home"].values())),
        )
        speed_limits = None
        if settings.robot_file:
            speed_limits = np.array(load_arm(Path(settings.robot_file)).limits.velocity_rad_per_s)
            if speed_limits.shape != (self._model.dof,):
                raise ParameterError(
                    f"robot_file has speed limits of {len(speed_limits)} joints; the arm has {self._model.dof}",
                    quantity="robot_file",
                    value=len(speed_limits),
                    limit=self._model.dof,
                )
        self._maker = MoveMaker(RobotModel(urdf, joint_names=joint_names), settings, speed_limits)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="planner")
        self._created.callback(self._thread.shutdown, cancel_futures=True)
        self._preview = self._publisher(MarkerArray, "preview", qos.STATE)
        self._preview_trajectory = self._publisher(JointTrajectory, "preview_trajectory", qos.STATE)
        group = MutuallyExclusiveCallbackGroup()
        for kind, topic, callback in (
            (PortEstimateArray, "ports", self._scene.take_ports),
            (String, "cell/held_plug", self._take_held_plug),
        ):
            events = SubscriptionEventCallbacks(use_default_callbacks=False)
            subscription = self.create_subscription(
                kind, topic, callback, qos.STATE, callback_group=group, event_callbacks=events
            )
            self._created.callback(self.destroy_subscription, subscription)
        for service, name, answer in (
            (PlanMotion, "plan_motion", self._answer_plan),
            (PlanSequence, "plan_sequence", self._answer_plan_sequence),
            (SetLayout, "set_planning_layout", self._answer_layout),
            (EditScene, "edit_planning_scene", self._answer_edit),
        ):
            server = self.create_service(service, name, answer, callback_group=MutuallyExclusiveCallbackGroup())
            self._created.callback(self.destroy_service, server)
        # A stop takes as long as the controller is given for it, and the planner's thread may be busy besides.
        turns = Turns(
            preempts=lambda request: bool(request.preempt),
            longest_s=settings.controller_timeout_s + 1.0,
            busy=lambda: MoveBusyError("another move is running; cancel it first, or preempt it"),
        )
        lock = threading.Lock()
        self._actions = [
            GoalRunner(self, kind, name, run, lock, turns=turns)
            for kind, name, run in (
                (MoveTo, "move_to", self._run_move),
                (MoveSequence, "move_sequence", self._run_sequence),
            )
        ]
        for action in self._actions:
            self._created.callback(action.destroy)

    def teardown(self) -> None:
        """Destroy the interfaces, as many as there are."""
        self._created.close()

    def start(self) -> None:
        """Begin to listen to the arm."""
        self._arm = ArmLink(self, self._model.joint_names, self.parameters.values)

    def stop(self) -> None:
        """Let a running move stop the arm, then leave the arm alone."""
        # The move sees that the node is no longer active, and ends within the time the controller is given.
        for action in self._actions:
            action.join(self.parameters.values.controller_timeout_s + 1.0)
        self._arm.close()

    def _publisher(self, kind: Any, topic: str, profile: QoSProfile) -> Any:
        # Without event handlers: the executor of another thread stumbles over one that is being destroyed.
        events = PublisherEventCallbacks(use_default_callbacks=False)
        publisher = self.create_lifecycle_publisher(kind, topic, profile, event_callbacks=events)
        self._created.callback(self.destroy_publisher, publisher)
        return publisher

    def _take_held_plug(self, message: Any) -> None:
        try:
            self._scene.take_held_plug(message.data)
        except MoveRequestError as error:
            self.get_logger().error(f"code {error.code}: {error}; what was held before counts")

    def _answer_layout(self, request: Any, response: Any) -> Any:
        try:
            self._scene.set_layout(load_layout(self.parameters.values.layout_file, request.layout))
        except WorkcellError as error:
            return fill_result(response, error)
        return fill_result(response, None)

    def _answer_edit(self, request: Any, response: Any) -> Any:
        try:
            response.names = self._scene.edit(request)
        except WorkcellError as error:
            return fill_result(response, error)
        return fill_result(response, None)

    def _answer_plan(self, request: Any, response: Any) -> Any:
        def plan() -> Plan:
            limit_s = 1e-9 * time_ns(request.planning_time_limit)
            if limit_s <= 0.0:
                raise MoveRequestError(
                    f"planning_time_limit = {limit_s} s is refused; it must be above 0 s",
                    quantity="planning_time_limit",
                    value=limit_s,
                    limit="above 0",
                    unit="s",
                )
            move = read_target(request.target, *self._known)
            found = self._plan(move, self._start_positions(request.start), limit_s, _no_check)
            response.attempts = found.attempts
            return found

        return self._answer_with(plan, response)

    def _answer_plan_sequence(self, request: Any, response: Any) -> Any:
        def plan() -> Plan:
            sequence = read_sequence(request.items, *self._known)
            return self._plan(sequence, self._start_positions(request.start), math.inf, _no_check)

        return self._answer_with(plan, response)

    def _answer_with(self, plan: Callable[[], Plan], response: Any) -> Any:
        begun_s = time.monotonic()
        try:
            if not self.is_active:
                raise NotActiveError(f"{self.get_fully_qualified_name()} is not active; activate it first")
            response.trajectory = to_joint_trajectory(plan().trajectory)
        except WorkcellError as error:
            return fill_result(response, error)
        fill_time(response.planning_time, round(1e9 * (time.monotonic() - begun_s)))
        return fill_result(response, None)

    @property
    def _known(self) -> tuple[RobotModel, PlanningScene, dict[str, dict[str, float]]]:
        """What a target is resolved with."""
        return self._model, self._scene, self._named

    def _start_positions(self, start: Any) -> np.ndarray:
        """Return the start of a plan: given, or measured where it is not."""
        given = dict(zip(start.name, start.position, strict=False))
        names = self._model.joint_names
        unknown = [name for name in start.name if name not in names]
        if unknown or len(given) != len(start.name):
            raise MoveRequestError(
                f"start names {', '.join(start.name)} with {len(start.position)} positions; valid are "
                f"{', '.join(names)}, each once, with a position",
                quantity="start",
                value=", ".join(unknown),
                limit=", ".join(names),
            )
        if len(given) == len(names):
            return np.array([given[name] for name in names])
        q = self._arm.positions_at_rest(_no_check)
        return np.array([given.get(name, value) for name, value in zip(names, q, strict=True)])

    def _plan(
        self, move: MoveRequest | SequenceRequest, start: np.ndarray, limit_s: float, check: Callable[[], None]
    ) -> Plan:
        """Plan in the planner's thread and publish the preview; `check` may end the wait, not the thread's work.

        Raises:
            MoveTimeoutError: The thread takes much longer than its budget (code 345).
        """
        settings = self.parameters.values
        budget_s = min(settings.planning_budget_s, limit_s)
        longest_s = settings.planning_attempts * budget_s + _PLAN_OVERRUN_S
        end_s = time.monotonic() + longest_s
        future = self._thread.submit(self._plan_and_preview, move, start, self._scene.scene(), budget_s)
        while not future.done():
            try:
                check()
                if time.monotonic() > end_s:
                    raise MoveTimeoutError(
                        f"planning is not done after {longest_s:.1f} s",
                        quantity="planning_time",
                        value=longest_s,
                        limit=longest_s,
                        unit="s",
                    )
            except WorkcellError:
                future.cancel()
                raise
            time.sleep(_POLL_S)
        return future.result()

    def _plan_and_preview(
        self, move: MoveRequest | SequenceRequest, start: np.ndarray, scene: Scene, budget_s: float
    ) -> Plan:
        """Plan; the planner's thread alone uses the planner's memory."""
        found = self._maker.plan(move, start, scene, budget_s)
        plan = Plan(thinned(found.trajectory, self._maker.limits), found.attempts)
        if self.is_active:
            stamp = self.get_clock().now().to_msg()
            self._preview.publish(to_preview(plan.trajectory, self._maker.model, move.tip.frame, stamp))
            self._preview_trajectory.publish(to_joint_trajectory(plan.trajectory))
        return plan

    def _run_move(self, goal: RunningGoal) -> Any:
        return self._run(goal, MoveTo.Feedback, lambda: read_target(goal.request.target, *self._known))

    def _run_sequence(self, goal: RunningGoal) -> Any:
        return self._run(goal, MoveSequence.Feedback, lambda: read_sequence(goal.request.items, *self._known))

    def _run(self, goal: RunningGoal, feedback_type: Any, read: Callable[[], MoveRequest | SequenceRequest]) -> Any:
        """Read, plan and execute a goal; however it ends, its result says where the joints are then."""
        limit_s = 1e-9 * time_ns(goal.request.time_limit)
        end_s = time.monotonic() + limit_s if limit_s > 0.0 else math.inf
        try:
            self._go(_Move(goal, feedback_type, end_s), read())
        finally:
            measured = self._arm.measured()
            goal.result.final_positions = [] if measured is None else measured.tolist()
        return goal.result

    def _go(self, move: _Move, target: MoveRequest | SequenceRequest) -> None:
        feedback, check = move.feedback_type, self._checker(move)
        move.report(feedback.PHASE_PLANNING)
        start = self._arm.positions_at_rest(check)
        plan = self._plan(target, start, max(_POLL_S, move.end_s - time.monotonic()), check)
        duration_s = plan.trajectory.duration_s
        move.goal.result.attempts = plan.attempts
        move.goal.result.trajectory = to_joint_trajectory(plan.trajectory)
        if move.goal.request.plan_only:
            return
        check()

        def report(elapsed_s: float) -> None:
            phase = feedback.PHASE_EXECUTING if elapsed_s < duration_s else feedback.PHASE_SETTLING
            move.report(phase, elapsed_s, duration_s, at_once=False)

        move.report(feedback.PHASE_EXECUTING, 0.0, duration_s)
        if duration_s > 0.0:
            self._arm.follow(move.goal.result.trajectory, check, report)

    def _checker(self, move: _Move) -> Callable[[], None]:
        """Return what ends a move early; it announces the stop before the arm is stopped."""

        def check() -> None:
            error: WorkcellError | None = None
            if move.goal.is_cancelled:
                error = MoveCancelledError("cancelled by the client")
            elif not self.is_active:
                error = MoveCancelledError("the node was deactivated")
            elif move.goal.is_preempted:
                error = MovePreemptedError("a newer move took over")
            elif time.monotonic() > move.end_s:
                limit_s = 1e-9 * time_ns(move.goal.request.time_limit)
                error = MoveTimeoutError(
                    f"the time limit of {limit_s:.3f} s is used up",
                    quantity="time_limit",
                    value=limit_s,
                    limit=limit_s,
                    unit="s",
                )
            if error is not None:
                move.report(move.feedback_type.PHASE_STOPPING)
                raise error

        return check


def main() -> None:
    """Run the node."""
    sys.exit(run_node(MotionPlannerNode, blocking_actions=True))
