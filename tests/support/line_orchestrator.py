"""A system orchestrator of a NEXUS line for tests: it speaks the published endpoints, and nothing else to a cell."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nexus_alarm_msgs.msg import EmergencyStop
from nexus_orchestrator_msgs.action import WorkcellTask as RequestTask
from nexus_orchestrator_msgs.msg import ItemDescription, TaskState, WorkcellState, WorkcellTask
from nexus_orchestrator_msgs.srv import (
    IsTaskDoable,
    ListWorkcells,
    PauseWorkcell,
    QueueWorkcellTask,
    RegisterWorkcell,
    RemovePendingTask,
    Signal,
)
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from cablecell.ros.action_client import MutualActionClient
from tests.support.graph import GraphClient
from tests.support.wait import wait_until

LATCHED = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL, reliability=ReliabilityPolicy.RELIABLE)
ENDED = (TaskState.STATUS_FINISHED, TaskState.STATUS_FAILED)


def task_of(order: str, kind: str, parts: list[str], **more: Any) -> WorkcellTask:
    """Return the one task of a work order, named as upstream names it."""
    return WorkcellTask(
        work_order_id=order,
        task_id=f"{order}/{kind}/0",
        type=kind,
        output_items=[ItemDescription(item_id=part, item_type="module") for part in parts],
        **more,
    )


@dataclass
class Order:
    """A work order of one task.

    Attributes:
        task: Its task.
        workcell: Who does it; empty as long as nobody was asked.
        runs: For each time it was requested, the states that were told, without repetitions.
        result: Result of its last request; None until it is there.
    """

    task: WorkcellTask
    workcell: str = ""
    runs: list[list[int]] = field(default_factory=list)
    result: Any = None


class Orchestrator:
    """Takes registrations, gives orders to whoever can do them, and asks again whoever has registered anew."""

    def __init__(self, client: GraphClient) -> None:
        self.client = client
        self.is_ready = True
        self.registrations: list[Any] = []
        self.states: dict[str, list[WorkcellState]] = {}
        self.orders: dict[str, Order] = {}
        self._actions: dict[str, MutualActionClient] = {}
        node = client.node
        node.create_service(RegisterWorkcell, "/register_workcell", self._register)
        node.create_service(ListWorkcells, "/list_workcells", self._list)
        self._alarm = node.create_publisher(EmergencyStop, "/estop", LATCHED)

    def _register(self, request: Any, response: Any) -> Any:
        if not self.is_ready:
            response.error_code, response.message = response.ERROR_NOT_READY, "not yet"
            return response
        self.registrations.append(request.description)
        response.success = True
        return response

    def _list(self, _: Any, response: Any) -> Any:
        response.workcells = list({one.workcell_id: one for one in self.registrations}.values())
        return response

    def await_workcell(self, name: str, times: int = 1, timeout_s: float = 60.0) -> Any:
        """Wait until a workcell has registered so often; return what it told of itself."""

        def found() -> list[Any]:
            return [one for one in self.registrations if one.workcell_id == name]

        wait_until(lambda: len(found()) >= times, timeout_s=timeout_s, what=f"{name} to register")
        if name not in self.states:
            self.states[name] = self.client.collect(WorkcellState, f"/{name}/workcell_state", LATCHED)
            self._actions[name] = MutualActionClient(self.client.node, RequestTask, f"/{name}/request")
        return found()[-1]

    def ask(self, name: str, task: WorkcellTask) -> Any:
        return self.client.call(IsTaskDoable, f"/{name}/is_task_doable", IsTaskDoable.Request(task=task), repeats=True)

    def promise(self, name: str, task_id: str) -> bool:
        request = QueueWorkcellTask.Request(task_id=task_id)
        return bool(self.client.call(QueueWorkcellTask, f"/{name}/queue_task", request).success)

    def take_back(self, name: str, task_id: str) -> bool:
        request = RemovePendingTask.Request(task_id=task_id)
        return bool(self.client.call(RemovePendingTask, f"/{name}/remove_pending_task", request).success)

    def pause(self, name: str, is_paused: bool) -> bool:
        return bool(self.client.call(PauseWorkcell, f"/{name}/pause", PauseWorkcell.Request(pause=is_paused)).success)

    def signal(self, name: str, task_id: str, signal: str) -> bool:
        request = Signal.Request(task_id=task_id, signal=signal)
        return bool(self.client.call(Signal, f"/{name}/signal", request).success)

    def stop(self, is_active: bool) -> None:
        state = EmergencyStop.STATE_ACTIVE if is_active else EmergencyStop.STATE_INACTIVE
        self._alarm.publish(EmergencyStop(emergency_state=state, emergency_button_stop=is_active, message="button 3"))

    def order(self, task: WorkcellTask, names: list[str]) -> Order:
        """Give a task to whom of these workcells can do it and has the fewest; promised first, as upstream does."""
        able = [name for name in names if self.ask(name, task).success]
        assert able, f"nobody can do {task.task_id}"
        load = [order.workcell for order in self.orders.values() if order.result is None]
        order = self.orders[task.task_id] = Order(task, min(able, key=load.count))
        assert self.promise(order.workcell, task.task_id)
        self.request(order)
        return order

    def request(self, order: Order) -> None:
        """Have the workcell begin, or tell what became of a task that it has already."""
        told: list[int] = []
        order.runs.append(told)
        action = self._actions[order.workcell]

        def hear(message: Any) -> None:
            status = int(message.feedback.state.status)
            if not told or told[-1] != status:
                told.append(status)

        wait_until(action.server_is_ready, timeout_s=30.0, what=f"{order.workcell} to take tasks")
        goal = RequestTask.Goal(task=order.task)
        handle = self.client.wait_for(
            action.send_goal_async(goal, feedback_callback=hear), 20.0, "the goal to be taken"
        )
        assert handle.accepted, order.task.task_id

        def end(future: Any) -> None:
            order.result = future.result().result

        handle.get_result_async().add_done_callback(end)

    def request_again(self, name: str) -> list[Order]:
        """Request what a workcell that has registered anew had not ended; return those orders."""
        left = [order for order in self.orders.values() if order.workcell == name and order.result is None]
        for order in left:
            self.request(order)
        return left
