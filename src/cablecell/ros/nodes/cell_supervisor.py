"""Node `cell_supervisor`: brings the cell up, watches it, runs its jobs, and says what state it is in."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import Any

from cablecell_interfaces.action import InsertConnector, Observe, RunJob
from cablecell_interfaces.msg import CellState, JobStatus, LinkHeartbeat
from cablecell_interfaces.srv import SetLayout
from lifecycle_msgs.msg import State
from rclpy.duration import Duration
from std_msgs.msg import String
from std_srvs.srv import Trigger

from cablecell.composition.task_knowledge import TaskKnowledge
from cablecell.configuration import config_folder
from cablecell.core.config.cell_supervisor import CellSupervisorParameters
from cablecell.core.errors import CancelledError, NotActiveError, WorkcellError
from cablecell.core.supervision.bringup import BringUpError, RefusedTransitionError
from cablecell.core.supervision.health import GOODBYE_S, LostNode, NodeHealth, NodeLostError
from cablecell.core.supervision.jobs import Job, Step
from cablecell.ros import qos
from cablecell.ros.arm_priority import set_realtime_priority
from cablecell.ros.error_codes import SUCCESS
from cablecell.ros.goals import GoalRunner, RemoteError, RunningGoal, call, run_action
from cablecell.ros.heartbeat import TOPIC as NODE_HEARTBEATS
from cablecell.ros.heartbeat import Periodic, process_exists
from cablecell.ros.lifecycle import CellNode, run_node
from cablecell.ros.skill_messages import held_plug_to_json
from cablecell.ros.supervisor_control import ControlDesk
from cablecell.ros.supervisor_nodes import ManagedNodes
from cablecell.ros.supervisor_recipes import RecipeBook
from cablecell.ros.supervisor_state import CellStateTeller

_ANSWER_S = 10.0
_POLL_S = 0.01
_LAST_WORDS_S = 0.5
"""Time for messages and results to leave before the process ends after a loss."""


class CellSupervisor(CellNode[CellSupervisorParameters]):
    """Publishes `cell_state`, `job_status`, `cell/heartbeat` and `cell/held_plug`; serves the action `run_job`."""

    def __init__(self) -> None:
        super().__init__("cell_supervisor", CellSupervisorParameters)
        self._busy = threading.Lock()
        self._lost: LostNode | None = None
        self._is_ready = False
        self._winding_down_s: float | None = None
        self._senders: dict[str, bytes] = {}
        self._end_s: float | None = None
        self._end_code = 1
        self._sequence = 0

    # Lifecycle -----------------------------------------------------------------------------------------------

    def setup(self) -> None:
        """Read layouts and recipes and create the interfaces."""
        settings = self.parameters.values
        self._knowledge = TaskKnowledge(Path(settings.trials_file) if settings.trials_file else None)
        held = self._knowledge.held_plug(settings.layout)
        folder = Path(settings.recipes_folder) if settings.recipes_folder else config_folder() / "recipes"
        self._recipes = RecipeBook(folder, self._knowledge.layouts)
        prefix = self.get_namespace().rstrip("/")
        self._health = NodeHealth(
            [f"{prefix}/{name}" for name in settings.managed], settings.heartbeat_timeout_s, settings.busy_timeout_s
        )
        self._states = self.create_publisher(CellState, "cell_state", qos.STATE)
        self._jobs = self.create_publisher(JobStatus, "job_status", qos.STATE)
        self._plugs = self.create_publisher(String, "cell/held_plug", qos.STATE)
        self._plugs.publish(String(data=held_plug_to_json(held)))
        self._beats = self.create_publisher(LinkHeartbeat, "cell/heartbeat", qos.HEARTBEAT)
        self._hearing = self.create_subscription(LinkHeartbeat, NODE_HEARTBEATS, self._hear, qos.HEARTBEAT)
        self._nodes = ManagedNodes(self, settings.managed)
        # Whoever uses the design of the board: the estimator, and the planner, for which it is an obstacle.
        self._set_layouts = [self.create_client(SetLayout, name) for name in ("set_layout", "set_planning_layout")]
        self._stop_arm = self.create_client(Trigger, "stop")
        self._observe = self.action_client(Observe, "observe")
        self._insert = self.action_client(InsertConnector, "insert_connector")
        self._run_job = GoalRunner(self, RunJob, "run_job", self._work, self._busy)
        self._desk = ControlDesk(
            self,
            self._busy,
            lambda: self._is_ready and self._lost is None,
            lambda name: process_exists(self._senders[name]) if name in self._senders else None,
            lambda reason: self._cell.stay(reason),
        )
        self._cell = CellStateTeller(
            self._states.publish,
            lambda: self.get_clock().now().to_msg(),
            lambda: bool(self._desk.holder),
            self.get_logger().info,
        )
        self._cell.enter(CellState.STATE_STOPPED, "configured")

    def teardown(self) -> None:
        """Destroy the interfaces."""
        self._desk.destroy()
        self._run_job.destroy()
        for client in (*self._set_layouts, self._stop_arm):
            self.destroy_client(client)
        self._nodes.destroy()
        self.destroy_subscription(self._hearing)
        for publisher in (self._beats, self._plugs, self._jobs, self._states):
            self.destroy_publisher(publisher)

    def start(self) -> None:
        """Bring the managed nodes up, in a thread; watch them from then on."""
        self._cell.enter(CellState.STATE_RESETTING, "bringing up " + ", ".join(self.parameters.values.managed))
        set_realtime_priority(self.parameters.values.realtime_priority)
        self._watch = Periodic(1.0 / self.parameters.values.heartbeat_rate_hz, self._tick, "watch", self.fail)
        threading.Thread(target=self._bring_up, name="bring-up", daemon=True).start()

    def stop(self) -> None:
        """End the heartbeat, and take the nodes down when the supervisor itself stays."""
        self._watch.end()
        set_realtime_priority(0)
        was_ready, self._is_ready = self._is_ready, False
        if was_ready and self._winding_down_s is None:
            threading.Thread(target=self._take_down, name="take-down", daemon=True).start()

    def wind_down(self) -> bool:
        """Name the node whose death is the reason why everything is being ended, if there is one."""
        if self._winding_down_s is None:
            self._winding_down_s = time.monotonic()
            self._note_processes(self._winding_down_s)
        if not self._is_ready or self._lost is not None:
            return True
        if time.monotonic() < self._winding_down_s + GOODBYE_S:
            return False
        lost = self._health.died(self._winding_down_s)
        if lost is None:
            self._cell.enter(CellState.STATE_STOPPED, "the cell is ending")
        else:
            self._abort(lost)
            self.exit_code = 1
        return True

    def _bring_up(self) -> None:
        settings = self.parameters.values
        started_s = time.monotonic()
        try:
            self._nodes.bring_up(settings.appear_limit_s, settings.transition_limit_s, self._require_running)
            self._await_heartbeats(settings.appear_limit_s)
        except NotActiveError:
            return  # the supervisor itself is ending
        except WorkcellError as error:
            self.get_logger().fatal(f"bring-up failed, code {error.code}: {error}")
            self._cell.enter(CellState.STATE_ABORTED, str(error), error.code)
            self._end_soon(2 if isinstance(error, RefusedTransitionError) else 1)
            return
        self._is_ready = True
        self._cell.enter(CellState.STATE_IDLE, f"ready after {time.monotonic() - started_s:.1f} s")

    def _await_heartbeats(self, limit_s: float) -> None:
        """Wait until every node is heard: a death that came before could only be told from the silence after it.

        Raises:
            BringUpError: A node is active but is not heard in time (code 609).
        """
        begun_s = time.monotonic()
        self._health.begin(begun_s)
        while unheard := self._health.unheard():
            self._require_running()
            if time.monotonic() - begun_s > limit_s:
                raise BringUpError(
                    f"node {unheard[0]} is active, but no heartbeat came within {limit_s} s",
                    quantity="appear_limit_s",
                    value=unheard[0],
                    limit=limit_s,
                    unit="s",
                )
            time.sleep(_POLL_S)

    def _take_down(self) -> None:
        for problem in self._nodes.take_down(self.parameters.values.transition_limit_s):
            self.get_logger().warning(problem)
        self._cell.enter(CellState.STATE_STOPPED, "taken down")

    def _require_running(self) -> None:
        if self._winding_down_s is not None or self.exit_code is not None:
            raise NotActiveError("the supervisor is ending")

    # Watching ------------------------------------------------------------------------------------------------

    def _hear(self, message: Any) -> None:
        if message.node_name not in self._senders:
            self.get_logger().info(f"{message.node_name} is heard")
        self._senders[message.node_name] = bytes(message.payload)
        self._health.hear(message.node_name, message.lifecycle_state, time.monotonic())

    def _note_processes(self, now_s: float) -> None:
        for name, sender in tuple(self._senders.items()):
            is_there = process_exists(sender)
            if is_there is not None:
                self._health.note_process(name, is_there, now_s)

    def _tick(self) -> None:
        """Beat while all is well; notice who died; end the process when last words are said."""
        now_s = time.monotonic()
        if self._end_s is not None and now_s > self._end_s:
            self.exit_code = self._end_code
        if not self._is_ready or self._winding_down_s is not None or self._lost is not None:
            return
        self._note_processes(now_s)
        lost = self._health.first_lost(now_s)
        if lost is not None:
            self._abort(lost)
            return
        message = LinkHeartbeat(
            node_name=self.get_fully_qualified_name(),
            lifecycle_state=State.PRIMARY_STATE_ACTIVE,
            sequence=self._sequence,
        )
        message.header.stamp = self.get_clock().now().to_msg()
        self._sequence += 1
        self._beats.publish(message)

    def _abort(self, lost: LostNode) -> None:
        """Stop the arm, say why, and end soon. The heartbeat is silent from here on, which stops the arm as well."""
        self._lost = lost
        self.get_logger().fatal(f"aborting, code {NodeLostError.code}: {lost.reason}")
        if self._stop_arm.service_is_ready():
            self._stop_arm.call_async(Trigger.Request())
        self._cell.enter(CellState.STATE_ABORTING, lost.reason, NodeLostError.code)
        self._cell.enter(CellState.STATE_ABORTED, lost.reason, NodeLostError.code)
        self._end_soon(1)

    def _end_soon(self, exit_code: int) -> None:
        self._end_code = exit_code
        self._end_s = time.monotonic() + _LAST_WORDS_S

    # Jobs ----------------------------------------------------------------------------------------------------

    def _work(self, goal: RunningGoal) -> Any:
        """Run a job; in a thread of its own."""
        result = goal.result
        if not self._is_ready or self._lost is not None:
            raise NotActiveError(f"no job can run: {self._cell.reason}")
        self._desk.require_free()
        recipe = self._recipes.find(goal.request.recipe)
        job = Job(goal.request.job_id or f"job_{time.time_ns()}", recipe, time.monotonic())
        self._cell.job_id = job.job_id
        self._cell.enter(CellState.STATE_STARTING, f"recipe {recipe.name}")
        self._cell.enter(CellState.STATE_EXECUTE, f"recipe {recipe.name}")
        try:
            for step in recipe.steps:
                job.begin_step(step)
                self._report(goal, job, RunJob.Feedback.PHASE_PREPARING)
                self._do(goal, job, step)
                job.end_step()
                self._report(goal, job, RunJob.Feedback.PHASE_COMPLETING)
        except WorkcellError as error:
            job.fail(error, is_cancelled=isinstance(error, CancelledError))
            self._report(goal, job, RunJob.Feedback.PHASE_COMPLETING)
            self._cell.enter(CellState.STATE_COMPLETING, str(error), error.code)
            self._cell.enter(CellState.STATE_IDLE, f"job {job.job_id} ended: {error}", error.code)
            raise
        else:
            self._cell.enter(CellState.STATE_COMPLETING, "every step succeeded")
            self._cell.enter(CellState.STATE_IDLE, f"job {job.job_id} succeeded")
        finally:
            self._cell.job_id = ""
            result.attempts, result.status = job.attempts, self._status(job)
        return result

    def _do(self, goal: RunningGoal, job: Job, step: Step) -> None:
        """Do one step, and count its attempts whether or not it succeeds."""

        def check() -> None:
            if self._lost is not None:
                raise NodeLostError(self._lost.reason)
            goal.check()

        task, held = self._knowledge.task(step.layout), self._knowledge.held_plug(step.layout)
        port = f"{task.target_module_name}/{task.port_name}"
        self._plugs.publish(String(data=held_plug_to_json(held)))
        for client in self._set_layouts:
            answer = call(client, SetLayout.Request(layout=step.layout), _ANSWER_S, check)
            if answer.error_code != SUCCESS:
                raise RemoteError.of(answer)
        look = Observe.Goal(
            port_names=[port],
            position_std=step.observe.position_std_m,
            orientation_std=step.observe.orientation_std_rad,
            max_views=step.observe.max_views,
            time_limit=Duration(seconds=step.observe.time_limit_s).to_msg(),
        )
        run_action(self, self._observe, "observe", look, step.observe.time_limit_s + _ANSWER_S, check)
        self._report(goal, job, RunJob.Feedback.PHASE_EXECUTING)
        insert = InsertConnector.Goal(
            job_id=job.job_id,
            cable_name=task.cable_name,
            plug_name=task.plug_name,
            port_name=port,
            connector_type=task.port_type,
            force_limit=step.insert.force_limit_n,
            max_attempts=step.insert.attempts,
            time_limit=Duration(seconds=step.insert.time_limit_s).to_msg(),
            pull_test=step.insert.pull_test,
        )
        # The limit of the recipe is for one attempt from staging on; the way there comes on top.
        longest_s = (step.insert.time_limit_s + 60.0) * max(step.insert.attempts, 1)
        # From the feedback, because a step that is cancelled or loses its node has no result.
        begun: list[int] = [0]
        try:
            done = run_action(
                self,
                self._insert,
                "insert_connector",
                insert,
                longest_s,
                check,
                lambda feedback: begun.append(int(feedback.phase.attempt)),
            )
            begun.append(int(done.attempts))
        except RemoteError as error:
            begun.append(error.attempts)
            raise
        finally:
            job.count_attempts(max(begun))

    # Saying it -----------------------------------------------------------------------------------------------

    def _report(self, goal: RunningGoal, job: Job, phase: int) -> None:
        status = self._status(job)
        self._jobs.publish(status)
        goal.publish_feedback(RunJob.Feedback(phase=phase, status=status))

    def _status(self, job: Job) -> Any:
        message = JobStatus(
            job_id=job.job_id,
            recipe=job.recipe.name,
            status=int(job.status),
            steps_total=len(job.recipe.steps),
            steps_succeeded=job.succeeded,
            steps_failed=job.failed,
            current_step=job.current_step,
            running_time=Duration(seconds=time.monotonic() - job.start_s).to_msg(),
            attempts=job.attempts,
        )
        if job.error is not None:
            message.error_code, message.error_msg = job.error.code, str(job.error)
        message.header.stamp = self.get_clock().now().to_msg()
        return message


def main() -> None:
    """Run the node."""
    sys.exit(run_node(CellSupervisor))
