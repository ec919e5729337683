"""Node `nexus_workcell`: the cell as a workcell of a NEXUS line. It asks the cell and listens; nothing waits for it."""

from __future__ import annotations

import contextlib
import sys
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from nexus_alarm_msgs.msg import EmergencyStop
from nexus_orchestrator_msgs.action import WorkcellTask
from nexus_orchestrator_msgs.msg import WorkcellState
from nexus_orchestrator_msgs.srv import IsTaskDoable, PauseWorkcell, QueueWorkcellTask, RemovePendingTask, Signal
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.time import Time

from cablecell.composition.line_desk import LineDesk
from cablecell.composition.recipe_book import RecipeBook
from cablecell.composition.task_knowledge import TaskKnowledge
from cablecell.configuration import read_document, recipes_folder
from cablecell.core.config.nexus_workcell import NexusWorkcellParameters
from cablecell.core.errors import WorkcellError
from cablecell.core.supervision.line import LineSettingsError, Stations, parse_remap
from cablecell.core.supervision.line_tasks import ENDED, TaskRecord, TasksRefusedError, TaskStatus
from cablecell.records.ledger import Ledger, LedgerError
from cablecell.ros import qos
from cablecell.ros.goals import answer
from cablecell.ros.lifecycle import CellNode, run_node
from cablecell.ros.nexus_cell import CellLink
from cablecell.ros.nexus_messages import (
    description_message,
    is_stop,
    items_at_stations,
    result_text,
    task_from_message,
    task_state_message,
    workcell_state_message,
)
from cablecell.ros.nexus_registration import Registration

_NO_NAMESPACE = "cablecell"


class NexusWorkcell(CellNode[NexusWorkcellParameters]):
    """Serves the workcell endpoints below `/<workcell_id>`; everything happens in the executor's thread."""

    def __init__(self) -> None:
        super().__init__("nexus_workcell", NexusWorkcellParameters)

    # Lifecycle -----------------------------------------------------------------------------------------------

    def setup(self) -> None:
        """Open the ledger, read recipes and stations, and create the interfaces."""
        settings = self.parameters.values
        if not settings.ledger_file:
            raise LineSettingsError("a line needs the ledger of the cell: ledger_file is empty", quantity="ledger_file")
        self._id = settings.workcell_id or self.get_namespace().strip("/").replace("/", "_") or _NO_NAMESPACE
        trials = Path(settings.trials_file) if settings.trials_file else None
        book = RecipeBook(recipes_folder(settings.recipes_folder), TaskKnowledge(trials).layouts)
        source = Path(settings.stations_file)
        stations = Stations.parse(read_document(source) if settings.stations_file else None, source.name)
        try:
            remap = parse_remap(yaml.safe_load(settings.remap_task_types), "remap_task_types")
        except yaml.YAMLError as error:
            raise LineSettingsError(f"remap_task_types is no YAML: {error}", quantity="remap_task_types") from error
        self._ledger = Ledger(Path(settings.ledger_file))
        self._desk = LineDesk(
            self._ledger,
            book,
            allowed=[name for name in settings.capabilities if name],
            remap=remap,
            stations=stations,
            start_signal=settings.start_signal,
        )
        self._handles: dict[str, Any] = {}
        self._told: Any = None
        self._states = self.create_publisher(WorkcellState, f"/{self._id}/workcell_state", qos.STATE)
        self._cell = CellLink(self, settings.silence_limit_s, self._hear_job)
        self._registration = Registration(
            self,
            lambda: description_message(settings, self._id, self._desk.capabilities(), stations),
            lambda: not self._cell.unable,
        )
        self._alarm = self.create_subscription(EmergencyStop, "/estop", self._hear_stop, qos.STATE)
        self._services = [
            self.create_service(kind, f"/{self._id}/{name}", answer)
            for kind, name, answer in (
                (IsTaskDoable, "is_task_doable", self._answer_doable),
                (QueueWorkcellTask, "queue_task", partial(self._answer, self._promise)),
                (RemovePendingTask, "remove_pending_task", partial(self._answer, self._take_back)),
                (PauseWorkcell, "pause", partial(self._answer, self._pause)),
                (Signal, "signal", partial(self._answer, self._signal)),
            )
        ]
        self._server = ActionServer(
            self,
            WorkcellTask,
            f"/{self._id}/request",
            execute_callback=_never,
            goal_callback=self._judge,
            handle_accepted_callback=self._accept,
            cancel_callback=self._cancel,
        )

    def teardown(self) -> None:
        """Destroy the interfaces; jobs that run go on, and their tasks are found again."""
        self._server.destroy()
        for service in self._services:
            self.destroy_service(service)
        self.destroy_subscription(self._alarm)
        self._registration.destroy()
        self._cell.destroy()
        self.destroy_publisher(self._states)
        self._ledger.close()

    def start(self) -> None:
        """Begin to register, and to look what becomes of the tasks."""
        settings = self.parameters.values
        self._timers_of_work = [
            self.create_timer(settings.register_period_s, self._register),
            self.create_timer(1.0 / settings.look_rate_hz, self._look),
        ]
        self._look()

    def stop(self) -> None:
        """End it; who waits for a task is told that nobody knows how it ends."""
        for timer in self._timers_of_work:
            self.destroy_timer(timer)
        for task_id in tuple(self._handles):
            self._finish(task_id, WorkcellTask.Result(message="the adapter of the cell was deactivated"))

    # Tasks ---------------------------------------------------------------------------------------------------

    def _judge(self, goal: Any) -> GoalResponse:
        if not self.is_active or not self._desk.book.may_request(goal.task.task_id):
            why = "somebody waits for it already" if self.is_active else "the node is not active"
            self.get_logger().warning(f"task {goal.task.task_id} rejected: {why}")
            return GoalResponse.REJECT
        return GoalResponse.ACCEPT

    def _accept(self, handle: Any) -> None:
        message = handle.request.task
        self._handles[message.task_id] = handle
        try:
            task = self._desk.request(
                task_from_message(message), handle.request.start_signals, unable=self._cell.unable
            )
        except WorkcellError as error:
            self.get_logger().warning(f"task {message.task_id} refused, code {error.code}: {error}")
            self._finish(message.task_id, WorkcellTask.Result(message=f"code {error.code}: {error}"))
            return
        self._tell(task, task.status)
        self._look()

    def _cancel(self, handle: Any) -> CancelResponse:
        try:
            self._desk.cancel(handle.request.task.task_id)
        except LedgerError as error:
            self.get_logger().error(f"code {error.code}: {error}")
            return CancelResponse.REJECT
        return CancelResponse.ACCEPT

    def _look(self) -> None:
        """See what became of the tasks, tell it, and have the cell do what the line wants of it."""
        book = self._desk.book
        try:
            if book.is_stopped:
                self._desk.stop(True)
            passed = self._desk.refresh()
            for task, status in passed:
                self._tell(task, status)
            for task in book.tasks:
                if task.status in ENDED:
                    self._end(task)
        except LedgerError as error:
            self.get_logger().error(f"code {error.code}: {error}", throttle_duration_sec=5.0)
        if book.is_stopped:
            self._cell.stop_all()
        front = book.front
        self._cell.pause("" if front is None else front.task_id, wanted=book.is_paused)
        own = self._cell.job_id if book.find(self._cell.job_id) is None else ""
        state = workcell_state_message(self._id, front, own)
        if state != self._told:
            self._told = state
            self._states.publish(state)

    def _end(self, task: TaskRecord) -> None:
        is_good = task.status is TaskStatus.FINISHED
        handle = self._handles.get(task.task_id)
        previous = "" if handle is None else handle.request.task.previous_results
        kind = "" if handle is None else handle.request.task.type
        facts = self._desk.end(task.task_id)
        message = "done" if is_good else task.error
        self._finish(
            task.task_id,
            WorkcellTask.Result(success=is_good, message=message, result=result_text(previous, kind, facts)),
        )

    def _finish(self, task_id: str, result: Any) -> None:
        handle = self._handles.pop(task_id, None)
        if handle is None or self.executor is None:
            return
        answer(handle, result, is_good=result.success)

    def _tell(self, task: TaskRecord, status: TaskStatus) -> None:
        self.get_logger().info(f"task {task.task_id} is {status.name}")
        handle = self._handles.get(task.task_id)
        if handle is not None:
            finish_ns = None
            if status not in ENDED:
                with contextlib.suppress(LedgerError):  # the state counts, not the guess
                    finish_ns = self._desk.finish_ns(task)
            state = task_state_message(self._id, task, status, finish_ns)
            handle.publish_feedback(WorkcellTask.Feedback(state=state))

    def _hear_job(self, message: Any) -> None:
        task = self._desk.book.find(message.job_id)
        if task is not None and self._desk.book.count(task.task_id, message.steps_succeeded, message.steps_total):
            self._tell(task, task.status)

    # Services ------------------------------------------------------------------------------------------------

    def _answer_doable(self, request: Any, response: Any) -> Any:
        try:
            if not self.is_active or self._cell.unable:
                raise TasksRefusedError(self._cell.unable or "the node is not active", quantity="cell_state")
            offer = self._desk.offer(task_from_message(request.task))
        except WorkcellError as error:
            self.get_logger().info(f"task {request.task.task_id} cannot be done, code {error.code}: {error}")
            return response
        response.success = True
        response.inputs, response.outputs = items_at_stations(offer.inputs), items_at_stations(offer.outputs)
        if offer.finish_ns is not None:
            response.estimated_finish_time = Time(nanoseconds=offer.finish_ns).to_msg()
        return response

    def _answer(self, act: Any, request: Any, response: Any) -> Any:
        try:
            if not self.is_active:
                raise TasksRefusedError("the node is not active")
            act(request)
            self._look()
        except WorkcellError as error:
            response.message = f"code {error.code}: {error}"
            self.get_logger().warning(response.message)
        response.success = not response.message
        return response

    def _promise(self, request: Any) -> None:
        self._desk.book.promise(request.task_id)

    def _take_back(self, request: Any) -> None:
        self._desk.book.take_back(request.task_id)

    def _pause(self, request: Any) -> None:
        self._desk.book.is_paused = request.pause

    def _signal(self, request: Any) -> None:
        self._desk.book.signal(request.task_id, request.signal)

    def _hear_stop(self, message: Any) -> None:
        is_active = is_stop(message)
        if is_active != self._desk.book.is_stopped:
            self.get_logger().warning(f"emergency stop {'active: ' + message.message if is_active else 'over'}")
        try:
            self._desk.stop(is_active)
        except LedgerError as error:
            self.get_logger().error(f"code {error.code}: {error}")
        if is_active:
            self._cell.stop_all()

    def _register(self) -> None:
        try:
            self._registration.attempt()
        except LedgerError as error:
            self.get_logger().error(f"code {error.code}: {error}", throttle_duration_sec=5.0)


def _never(handle: Any) -> Any:
    raise RuntimeError(f"goal {handle.goal_id} was executed without its work")


def main() -> None:
    """Run the node."""
    sys.exit(run_node(NexusWorkcell))
