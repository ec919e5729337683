"""Puts tasks of a line through the queue of the cell, and tells what becomes of them. No ROS."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cablecell.composition.recipe_book import RecipeBook
from cablecell.core.supervision.jobs import Recipe, recipe_hash
from cablecell.core.supervision.line import Item, JobOrder, LineTask, Stations, job_of_task
from cablecell.core.supervision.line_tasks import ENDED, TaskBook, TaskRecord, TasksRefusedError, TaskStatus
from cablecell.records import ledger_line, ledger_queue
from cablecell.records.ledger import Ledger
from cablecell.records.ledger_releases import released_hashes


@dataclass(frozen=True)
class Offer:
    """What the cell says of a task that it could do.

    Attributes:
        order: The job it would be.
        inputs: Items that go in, with their stations.
        outputs: Items that come out, likewise.
        finish_ns: When it would be done, by the wall clock; None where no such job has succeeded yet.
    """

    order: JobOrder
    inputs: list[tuple[Item, str]]
    outputs: list[tuple[Item, str]]
    finish_ns: int | None


class LineDesk:
    """The tasks of the line, each a job in the queue.

    Attributes:
        book: The tasks.
        stations: Where items go in and come out.
    """

    def __init__(
        self,
        ledger: Ledger,
        recipes: RecipeBook,
        *,
        allowed: Iterable[str] = (),
        remap: Mapping[str, str] | None = None,
        stations: Stations | None = None,
        start_signal: str = "",
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Begin, and go on with the tasks that are in the queue already.

        Args:
            ledger: Where the queue is.
            recipes: All recipes of the cell.
            allowed: Those that the line may use; none is all.
            remap: Capability by task type.
            stations: Where items go in and come out.
            start_signal: What a task must have been told before it begins; empty for nothing.
            clock_ns: The wall clock, ns.

        Raises:
            UnknownRecipeError: The line may use a recipe that does not exist (code 933).
            LedgerError: The ledger cannot be read (code 640).
        """
        self._ledger, self._recipes, self._clock_ns = ledger, recipes, clock_ns
        self._allowed = tuple(allowed) or recipes.names
        for name in self._allowed:
            recipes.find(name)
        self._remap, self.stations = dict(remap or {}), stations or Stations()
        self.book = TaskBook(start_signal)
        self._held: set[str] = set()
        for job in ledger_line.jobs_of_line(ledger, ()):
            self.book.recall(job.order)
            self.book.note(job.order.job_id, job.state)

    def capabilities(self) -> tuple[str, ...]:
        """Return the recipes that the line may use now: those that are released.

        Raises:
            LedgerError: The ledger cannot be read (code 640).
        """
        released = released_hashes(self._ledger)
        return tuple(name for name in self._allowed if recipe_hash(self._recipes.find(name)) in released)

    def offer(self, task: LineTask) -> Offer:
        """Return how the cell would do a task; nothing is begun.

        Raises:
            TasksRefusedError: An emergency stop is active (code 762).
            UnknownTaskTypeError: No released recipe does it (code 757).
            BadTaskError: Its names cannot be used (code 758).
            NoStationError: No station is there for one of its items (code 759).
            LedgerError: The ledger cannot be read (code 640).
        """
        self.book.require_open()
        order = job_of_task(task, self.capabilities(), self._remap)
        return Offer(order, *self.stations.assign(task), self._finish_ns(order))

    def request(self, task: LineTask, signals: Iterable[str] = (), unable: str = "") -> TaskRecord:
        """Queue a task; one whose job the ledger has already goes on, or is found to have ended.

        Args:
            task: The task.
            signals: What it is told from its begin.
            unable: Why the cell cannot begin anything now; then only what it has already is taken.

        Raises:
            TasksRefusedError: An emergency stop is active, or the cell cannot do anything (code 762).
            TaskStateError: Somebody waits for it already (code 761).
            TaskTakenError: Its name is that of another job (code 763).
            WorkcellError: As `offer`.
        """
        offer = self.offer(task)
        order = offer.order
        # The ledger comes first: what the line is told to be queued must be there whoever dies next.
        known = ledger_line.jobs_of_line(self._ledger, (order.job_id,))
        if unable and order.job_id not in {job.order.job_id for job in known}:
            raise TasksRefusedError(unable, quantity="cell_state")
        record = self.book.request(order, signals)
        waits = self.book.should_wait(record)
        try:
            is_new = ledger_line.put(self._ledger, order, self._find(order), self._clock_ns(), waits=waits)
        except BaseException:
            self.book.fail(order.job_id, "refused")
            self.book.forget(order.job_id)
            raise
        if waits or not is_new:  # one that waits there from before is asked for now
            self._held.add(order.job_id)
        return record

    def refresh(self) -> list[tuple[TaskRecord, TaskStatus]]:
        """Look into the queue; return every state that a task went through since, oldest first.

        Raises:
            LedgerError: The ledger cannot be read or written (code 640).
        """
        passed: list[tuple[TaskRecord, TaskStatus]] = []
        known = [task.task_id for task in self.book.tasks if task.order is not None]
        for job in ledger_line.jobs_of_line(self._ledger, known):
            task = self.book.find(job.order.job_id) or self.book.recall(job.order)
            passed += [(task, status) for status in self.book.note(task.task_id, job.state, job.error)]
            if job.state == "waiting" and self.book.should_wait(task) and task.is_awaited:
                self._change(task.task_id, "pause")
                self._held.add(task.task_id)
            elif job.state == "paused" and task.task_id in self._held and not self.book.should_wait(task):
                self._change(task.task_id, "resume")
                self._held.discard(task.task_id)
        for task in self.book.tasks:
            if task.status in ENDED and not task.is_awaited:
                self.book.forget(task.task_id)
        return passed

    def end(self, task_id: str) -> dict[str, Any]:
        """Drop a task whose end is about to be told; return what it came to.

        Raises:
            LedgerError: The ledger cannot be read (code 640).
        """
        task = self.book.find(task_id)
        assert task is not None
        assert task.order is not None
        insertions = ledger_line.insertions_of(self._ledger, task_id)
        self.book.forget(task_id)
        self._held.discard(task_id)
        return {
            "task_id": task_id,
            "recipe": task.order.recipe,
            "parts": list(task.order.serials),
            "insertions": insertions,
        }

    def cancel(self, task_id: str) -> None:
        """Have a task end: at once where it waits, else as the cell backs out of it.

        Raises:
            LedgerError: The ledger cannot be written (code 640).
        """
        self._change(task_id, "cancel")

    def stop(self, is_active: bool) -> None:
        """Take note of an emergency stop: no task is taken while it is active, and those that are there end.

        Raises:
            LedgerError: The ledger cannot be written (code 640).
        """
        self.book.is_stopped = is_active
        if is_active:
            for task in self.book.tasks:
                if task.status is TaskStatus.ASSIGNED:
                    self.book.take_back(task.task_id)
                elif task.status not in ENDED:
                    self._change(task.task_id, "cancel")

    def finish_ns(self, task: TaskRecord) -> int | None:
        """Return when a task is expected to end, by the wall clock, ns; None where nobody knows.

        Raises:
            LedgerError: The ledger cannot be read (code 640).
        """
        return None if task.order is None else self._finish_ns(task.order)

    def _finish_ns(self, order: JobOrder) -> int | None:
        """Return when this job and all that came before it are done, as long as such jobs usually take."""
        before: list[JobOrder] = []
        for task in self.book.tasks:
            if task.task_id == order.job_id:
                break
            if task.order is not None and task.status not in ENDED:
                before.append(task.order)
        span_s = 0.0
        for one in (*before, order):
            part_s = ledger_line.typical_s(self._ledger, self._find(one))
            if part_s is None:
                return None
            span_s += part_s * max(len(one.serials), 1)
        return self._clock_ns() + round(span_s * 1e9)

    def _find(self, order: JobOrder) -> Recipe:
        return self._recipes.find(order.recipe)

    def _change(self, job_id: str, what: str) -> None:
        with contextlib.suppress(ledger_queue.QueueError):  # it was faster
            ledger_queue.change(self._ledger, job_id, what, self._clock_ns())
