"""Recovery of a step that failed: the rungs of its plan as a behaviour tree, every action bounded and kept.

A tree is ticked by the thread of the job, between motions; nothing of it runs in the force loop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial

import py_trees
from py_trees.common import Status

from cablecell.core.errors import SupervisionError, WorkcellError
from cablecell.core.supervision.faults import DECISIONS, Action, FaultTable, Plan, Rung


class ActionFailedError(SupervisionError):
    """An action of a recovery could not be done; the next rung of its plan is tried."""

    code = 635


@dataclass(frozen=True)
class Deed:
    """One action of a recovery, for the ledger.

    Attributes:
        cause: Why the step failed.
        plan: Name of the plan.
        rung: Number of the rung, from 1.
        action: What was done, or decided.
        failure: Why it could not be done; None where it was.
    """

    cause: WorkcellError
    plan: str
    rung: int
    action: Action
    failure: ActionFailedError | None = None


class StepEnd(Enum):
    """How a step ended that did not end its job."""

    DONE = "done"
    SKIPPED = "skipped"


class StepRecovery:
    """Does one step, and again after each failure that the table lets it repair.

    Attributes:
        count: Recoveries so far.
        cause: The last failure; None where there was none.
    """

    def __init__(
        self,
        table: FaultTable,
        *,
        do: Callable[[Action], None],
        hold: Callable[[WorkcellError, str], None],
        begin: Callable[[Action], None],
        note: Callable[[Deed], None],
    ) -> None:
        """Begin a step.

        Args:
            table: Plans by cause code.
            do: Does an action; raises `ActionFailedError`, or a fault that has a plan, where it cannot be done. What
                else it raises ends the step.
            hold: Parks and asks the operator; returns when the step is to be tried again, raises when it is not.
            begin: Hears what is done next.
            note: Keeps what was done.
        """
        self._table, self._do, self._hold, self._begin, self._note = table, do, hold, begin, note
        self._used: dict[tuple[str, int], int] = {}
        self.count = 0
        self.cause: WorkcellError | None = None

    def run(self, attempt: Callable[[], None]) -> StepEnd:
        """Do the step.

        Args:
            attempt: One attempt from the first look on; raises a typed error when it fails.

        Raises:
            WorkcellError: The failure that no plan may repair, or what ended the recovery itself.
        """
        while True:
            try:
                attempt()
            except WorkcellError as error:
                self.cause = error
                decision = self._decide(error)
                if decision is Action.SKIP:
                    return StepEnd.SKIPPED
                if decision is Action.HOLD:
                    plan = self._table.plan_of(error.code)
                    self._hold(error, plan.ask if plan is not None and plan.ask else "What is to be done?")
                    self._used.clear()  # a person has looked at it
                    self.count = 0
                continue
            return StepEnd.DONE

    def _decide(self, cause: WorkcellError) -> Action:
        """Climb the plan of a cause until a rung could be done; return how it ends."""
        plan = self._table.plan_of(cause.code)
        if plan is None:
            raise cause
        name = next(name for name, known in self._table.plans.items() if known is plan)
        self.count += 1
        if self.count > self._table.recoveries_per_step:
            self._note(Deed(cause, "too_many", 1, Action.SKIP))
            return Action.SKIP
        decided: list[Action] = []
        tree = self._tree(cause, name, plan, decided.append)
        tree.tick_once()
        while tree.status is Status.RUNNING:
            tree.tick_once()
        if not decided:
            self._note(Deed(cause, name, len(plan.rungs) + 1, Action.HOLD))
            return Action.HOLD
        return decided[-1]

    def _tree(
        self, cause: WorkcellError, name: str, plan: Plan, decide: Callable[[Action], None]
    ) -> py_trees.behaviour.Behaviour:
        rungs = [self._rung(cause, name, number, rung, decide) for number, rung in enumerate(plan.rungs, 1)]
        return py_trees.composites.Selector(name, memory=True, children=rungs)

    def _rung(
        self, cause: WorkcellError, name: str, number: int, rung: Rung, decide: Callable[[Action], None]
    ) -> py_trees.behaviour.Behaviour:
        def is_left() -> bool:
            used = self._used.get((name, number), 0)
            self._used[name, number] = used + 1
            return used < rung.times

        def do(action: Action) -> bool:
            failure = None
            self._begin(action)
            try:
                if action in DECISIONS:
                    decide(action)
                else:
                    self._do(action)
            except ActionFailedError as error:
                failure = error
            except WorkcellError as error:
                if self._table.plan_of(error.code) is None:
                    raise
                failure = ActionFailedError(f"{action.value} was cut short, code {error.code}: {error}")
            self._note(Deed(cause, name, number, action, failure))
            return failure is None

        leaves: list[py_trees.behaviour.Behaviour] = [_Leaf("is left", is_left)]
        leaves += [_Leaf(action.value, partial(do, action)) for action in rung.do]
        return py_trees.composites.Sequence(f"rung {number}", memory=True, children=leaves)


class _Leaf(py_trees.behaviour.Behaviour):
    """Succeeds or fails as a function says."""

    def __init__(self, name: str, work: Callable[[], bool]) -> None:
        super().__init__(name)
        self._work = work

    def update(self) -> Status:
        """Do it."""
        return Status.SUCCESS if self._work() else Status.FAILURE
