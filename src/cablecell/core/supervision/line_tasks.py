"""States of the tasks that a line has given to the cell.

A task goes one way only: promised, queued, running, and finished or failed. What the cell's queue says of its job is
followed step by step, so that who listens sees every state, also where two of them came between two looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from cablecell.core.supervision.line import JobOrder, LineError


class TaskStatus(IntEnum):
    """Numbers of nexus_orchestrator_msgs/TaskState."""

    NONE = 0
    QUEUED = 1
    RUNNING = 2
    FINISHED = 3
    ASSIGNED = 4
    FAILED = 5


class TaskStateError(LineError):
    """The state of a task does not allow what is asked: nothing was changed."""

    code = 761


class TasksRefusedError(LineError):
    """The cell takes no tasks now: an emergency stop is active, or the cell is not up."""

    code = 762


ENDED = (TaskStatus.FINISHED, TaskStatus.FAILED)

FOLLOWS: Mapping[TaskStatus, tuple[TaskStatus, ...]] = {
    TaskStatus.NONE: (TaskStatus.ASSIGNED, TaskStatus.QUEUED),
    TaskStatus.ASSIGNED: (TaskStatus.QUEUED, TaskStatus.FAILED),
    TaskStatus.QUEUED: (TaskStatus.RUNNING, TaskStatus.FAILED),
    TaskStatus.RUNNING: (TaskStatus.FINISHED, TaskStatus.FAILED),
    TaskStatus.FINISHED: (),
    TaskStatus.FAILED: (),
}
"""Which states may follow which."""

OF_QUEUE: Mapping[str, TaskStatus] = {
    "waiting": TaskStatus.QUEUED,
    "paused": TaskStatus.QUEUED,
    "running": TaskStatus.RUNNING,
    "cancelling": TaskStatus.RUNNING,
    "done": TaskStatus.FINISHED,
    "failed": TaskStatus.FAILED,
    "cancelled": TaskStatus.FAILED,
}
"""State of a task by the state of its job in the cell's queue."""


_ORDER = (TaskStatus.NONE, TaskStatus.ASSIGNED, TaskStatus.QUEUED, TaskStatus.RUNNING)


def way(begin: TaskStatus, end: TaskStatus) -> tuple[TaskStatus, ...]:
    """Return the states from one to another, without the first; nothing where no way leads there."""
    if begin in ENDED or (end not in ENDED and _ORDER.index(end) <= _ORDER.index(begin)):
        return ()
    if end in FOLLOWS[begin]:
        return (end,)
    step = TaskStatus.QUEUED if begin in (TaskStatus.NONE, TaskStatus.ASSIGNED) else TaskStatus.RUNNING
    return (step, *way(step, end))


@dataclass
class TaskRecord:
    """A task of the line.

    Attributes:
        task_id: Its name.
        order: Its job; None as long as it is only promised.
        status: Its state.
        is_awaited: Whether somebody waits for its end.
        signals: What it was told.
        done: Units of work that are done.
        total: Units of work of the whole task; 0 where that is not known yet.
        error: Why it failed; empty otherwise.
    """

    task_id: str
    order: JobOrder | None = None
    status: TaskStatus = TaskStatus.NONE
    is_awaited: bool = False
    signals: set[str] = field(default_factory=set)
    done: int = 0
    total: int = 0
    error: str = ""


class TaskBook:
    """The tasks the cell has from the line, in the order in which they came.

    Attributes:
        is_stopped: Whether an emergency stop is active: no task is taken.
        is_paused: Whether the line wants nothing new begun.
    """

    def __init__(self, start_signal: str = "") -> None:
        """Begin without a task.

        Args:
            start_signal: What a task must have been told before it may begin; empty for nothing.
        """
        self._start_signal = start_signal
        self._tasks: dict[str, TaskRecord] = {}
        self.is_stopped = self.is_paused = False

    @property
    def tasks(self) -> tuple[TaskRecord, ...]:
        """All tasks that have not ended, and those whose end nobody was told yet."""
        return tuple(self._tasks.values())

    def find(self, task_id: str) -> TaskRecord | None:
        """Return a task; None where it is not there."""
        return self._tasks.get(task_id)

    def require_open(self) -> None:
        """Do nothing while tasks may be taken.

        Raises:
            TasksRefusedError: An emergency stop is active (code 762).
        """
        if self.is_stopped:
            raise TasksRefusedError("an emergency stop is active; no task is taken until it is over", quantity="estop")

    def promise(self, task_id: str) -> TaskRecord:
        """Note a task that will be requested later.

        Raises:
            TasksRefusedError: An emergency stop is active (code 762).
            TaskStateError: It has no name, or is there already (code 761).
        """
        self.require_open()
        if not task_id:
            raise TaskStateError("a task must have a name", quantity="task_id")
        if task_id in self._tasks:
            raise TaskStateError(f"there is a task {task_id} already", quantity="task_id", value=task_id)
        self._tasks[task_id] = TaskRecord(task_id, status=TaskStatus.ASSIGNED)
        return self._tasks[task_id]

    def take_back(self, task_id: str) -> None:
        """Forget a task that was promised.

        Raises:
            TaskStateError: There is none, or it has been requested (code 761).
        """
        task = self._tasks.get(task_id)
        if task is None or task.status is not TaskStatus.ASSIGNED:
            state = "not there" if task is None else task.status.name
            raise TaskStateError(f"task {task_id} is {state}; only what is ASSIGNED can be removed", value=task_id)
        del self._tasks[task_id]

    def may_request(self, task_id: str) -> bool:
        """Return whether nobody waits for this task yet."""
        task = self._tasks.get(task_id)
        return task is None or not task.is_awaited

    def request(self, order: JobOrder, signals: Iterable[str] = ()) -> TaskRecord:
        """Queue a task, promised or not, or go on with one that the cell has already: somebody waits for it.

        Raises:
            TasksRefusedError: An emergency stop is active (code 762).
            TaskStateError: Somebody waits for it already (code 761).
        """
        self.require_open()
        if not self.may_request(order.job_id):
            raise TaskStateError(f"somebody waits for task {order.job_id} already", value=order.job_id)
        task = self._tasks.setdefault(order.job_id, TaskRecord(order.job_id))
        task.order, task.is_awaited = order, True
        task.signals.update(signals)
        if task.status in (TaskStatus.NONE, TaskStatus.ASSIGNED):
            task.status = TaskStatus.QUEUED
        return task

    def recall(self, order: JobOrder) -> TaskRecord:
        """Note a task of the line that is in the cell's queue since before this program began; nobody waits for it."""
        return self._tasks.setdefault(order.job_id, TaskRecord(order.job_id, order, TaskStatus.QUEUED))

    def signal(self, task_id: str, signal: str) -> None:
        """Tell a task something.

        Raises:
            TaskStateError: There is no such task (code 761).
        """
        task = self._tasks.get(task_id)
        if task is None:
            raise TaskStateError(f"signal '{signal}' is for task {task_id}, which is not here", value=task_id)
        task.signals.add(signal)

    def should_wait(self, task: TaskRecord) -> bool:
        """Return whether the job of a task must not begin yet: the line has paused, or a signal is missing."""
        return self.is_paused or bool(self._start_signal and self._start_signal not in task.signals)

    def note(self, task_id: str, queue_state: str, error: str = "") -> tuple[TaskStatus, ...]:
        """Follow what the queue says of the job of a task; return the states it goes through, oldest first.

        A task never goes back: a job that waits again, because the cell was restarted, is still running for the line.
        """
        task = self._tasks[task_id]
        passed = way(task.status, OF_QUEUE[queue_state])
        if passed:
            task.status = passed[-1]
        if task.status is TaskStatus.FAILED:
            task.error = error or "cancelled"
        return passed

    def fail(self, task_id: str, error: str) -> tuple[TaskStatus, ...]:
        """Have a task fail whose job never came to be; return the states it goes through."""
        task = self._tasks[task_id]
        passed = way(task.status, TaskStatus.FAILED)
        if passed:
            task.status, task.error = passed[-1], error
        return passed

    def count(self, task_id: str, done: int, total: int) -> bool:
        """Note the units of work of a task; return whether that is new."""
        task = self._tasks.get(task_id)
        if task is None or (task.done, task.total) == (done, total):
            return False
        task.done, task.total = done, total
        return True

    def forget(self, task_id: str) -> None:
        """Drop a task that has ended, after its end was told."""
        if self._tasks[task_id].status in ENDED:
            del self._tasks[task_id]

    @property
    def front(self) -> TaskRecord | None:
        """The task that is worked on, or that came first of those that wait; None while there is none."""
        left = [task for task in self._tasks.values() if task.status not in ENDED]
        return next((task for task in left if task.status is TaskStatus.RUNNING), left[0] if left else None)
