"""Runs jobs: one at a time, step by step, and does in between what PackML commands want."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from cablecell_interfaces.action import RunJob
from cablecell_interfaces.msg import JobStatus
from rclpy.duration import Duration

from cablecell.composition.task_knowledge import TaskKnowledge
from cablecell.configuration import load_faults
from cablecell.core.errors import CancelledError, NotActiveError, SupervisionError, WorkcellError
from cablecell.core.insertion.grasp import HeldPlug
from cablecell.core.supervision.faults import Action
from cablecell.core.supervision.health import NodeLostError
from cablecell.core.supervision.jobs import Job, Recipe, Step
from cablecell.core.supervision.packml import Command, IllegalCommandError, IllegalModeError, Mode, State
from cablecell.core.supervision.recovery import Deed, StepEnd, StepRecovery
from cablecell.records.ledger import LedgerError
from cablecell.ros.goals import RunningGoal
from cablecell.ros.supervisor_ledger import LedgerWriter
from cablecell.ros.supervisor_lookback import LookBack
from cablecell.ros.supervisor_queue import QueuedGoal
from cablecell.ros.supervisor_recovery import RecoveryHands
from cablecell.ros.supervisor_state import CellStateTeller
from cablecell.ros.supervisor_step import StepDoer

_LOOK_AGAIN_S = 0.1
_PAUSING = (State.HOLDING, State.SUSPENDING)
_PAUSED = {State.HELD: Command.UNHOLD, State.SUSPENDED: Command.UNSUSPEND}
_GOING_ON = (State.UNHOLDING, State.UNSUSPENDING)
_ENDING = (State.STOPPING, State.STOPPED, State.ABORTING, State.ABORTED, State.CLEARING)
_AT_REST = (State.IDLE, State.STOPPED, State.ABORTED, State.CLEARING)


class JobEndedError(SupervisionError):
    """A PackML command ended the job before its last step."""

    code = 623


class JobRunner:
    """Does the goals of `run_job`.

    Attributes:
        is_running: Whether a job is being worked on.
    """

    def __init__(
        self,
        node: Any,
        cell: CellStateTeller,
        knowledge: TaskKnowledge,
        *,
        find_recipe: Callable[[str], Recipe],
        require_ready: Callable[[], None],
        say_status: Callable[[Any], None],
        say_plug: Callable[[HeldPlug | None], None],
        ledger: LedgerWriter,
        lookback: LookBack,
        hands: RecoveryHands,
        asks_operator: bool,
    ) -> None:
        """Create the clients.

        Args:
            node: The supervisor.
            cell: State of the cell.
            knowledge: Layouts, and what is held in them.
            find_recipe: Returns a recipe by its name.
            require_ready: Raises a typed error when no job can begin, or go on.
            say_status: Publishes a `JobStatus`.
            say_plug: Tells everybody which plug is held now.
            ledger: Where jobs and insertions are kept.
            lookback: Finds out what became of an insertion that the end of the cell cut short.
            hands: Does the actions of a recovery.
            asks_operator: Whether a job is held where a plan asks the operator; otherwise it ends there.
        """
        self._node, self._cell = node, cell
        self._find_recipe, self._require_ready = find_recipe, require_ready
        self._say_status, self._ledger = say_status, ledger
        self._lookback = lookback
        self._hands, self._asks_operator, self._faults = hands, asks_operator, load_faults()
        self.is_running = False
        self._interruption: WorkcellError | None = None
        self._is_attempting = False
        self._step = StepDoer(node, knowledge, say_plug=say_plug, ledger=ledger, require_helpers=hands.require_helpers)

    def destroy(self) -> None:
        """Take the clients away."""
        self._step.destroy()

    def interrupt(self, error: WorkcellError) -> None:
        """End the attempt that is being made, where one is; the plan of the error says what comes after it.

        What comes in between, in a pause or a recovery, has hurt nothing: a recovery waits until sensors are well.
        """
        if self._is_attempting:
            self._interruption = error

    def run(self, goal: RunningGoal | QueuedGoal) -> Any:
        """Run a job to its end, in a thread of its own; return the result of `run_job`.

        A job that ends because the cell does, or because the ledger cannot be written, stays open in the ledger.

        Raises:
            WorkcellError: The job could not begin, or a step failed, or it was ended; `goal.result` has the status.
        """
        self._require_ready()
        recipe = self._find_recipe(goal.request.recipe)
        mode = self._cell.mode
        if mode is not Mode.PRODUCTION:
            raise IllegalModeError(
                f"no job runs in mode {mode.name}; change to PRODUCTION",
                quantity="mode",
                value=mode.name,
                limit=Mode.PRODUCTION.name,
            )
        job = Job(goal.request.job_id or f"job_{time.time_ns()}", recipe, time.monotonic())
        if isinstance(goal, QueuedGoal):
            job.recipe, job.follows = goal.recipe_for_all(recipe), goal.job.follows
        self._cell.job_id, self.is_running = job.job_id, True
        is_begun = False
        try:
            self._cell.require(Command.START)
            done = self._ledger.begin_job(job)
            # Where a command comes in between, the job stays in the ledger as one that can go on.
            self._cell.command(Command.START, f"recipe {recipe.name}")
            is_begun = True
            self._cell.complete(State.STARTING, f"recipe {recipe.name}" + (f", {len(done)} steps done" if done else ""))
            self._report(goal, job, RunJob.Feedback.PHASE_PREPARING)
            if self._lookback.settle(lambda: self._check(goal), partial(self._ask, goal, job)):
                done = self._ledger.steps_done(job)
            self._do_steps(goal, job, done)
            self._ledger.end_job(job)
        except WorkcellError as error:
            job.fail(error, is_cancelled=isinstance(error, (CancelledError, JobEndedError)))
            if is_begun and not isinstance(error, (LedgerError, NodeLostError, NotActiveError)):
                self._ledger.end_job(job)
            self._report(goal, job, RunJob.Feedback.PHASE_COMPLETING)
            if is_begun:
                self._leave(f"job {job.job_id} ended: {error}", error.code)
            raise
        else:
            self._leave(f"job {job.job_id} succeeded", 0)
        finally:
            goal.result.attempts, goal.result.status = job.attempts, self._status(job)
            self._cell.job_id, self.is_running = "", False
            # A stop that came in the last moment found a job running, and left its end to us.
            self._cell.complete(State.STOPPING, f"job {job.job_id} has ended")
        return goal.result

    # Steps ---------------------------------------------------------------------------------------------------

    def _do_steps(self, goal: RunningGoal | QueuedGoal, job: Job, done: frozenset[str]) -> None:
        left = self._ledger.skipped_steps(job)
        for step in job.recipe.steps:
            if step.name in done:
                job.end_step()
                continue
            if step.name in left:
                job.skip_step(left[step.name])
                continue
            self._pause_where_asked(goal, job)
            self._do_repaired(goal, job, step)
            self._report(goal, job, RunJob.Feedback.PHASE_COMPLETING)
        self._pause_where_asked(goal, job, is_last=True)
        if job.error is not None:  # a step was left and flagged
            raise job.error

    def _do_repaired(self, goal: RunningGoal | QueuedGoal, job: Job, step: Step) -> None:
        """Do one step, and again after what may be repaired; a step that is left does not end the job."""

        def attempt() -> None:
            job.begin_step(step)
            self._interruption, self._is_attempting = None, True
            try:
                self._step.do(
                    job,
                    step,
                    after=recovery.cause,
                    check=lambda: self._check(goal),
                    pause=lambda: self._pause_where_asked(goal, job),
                    tell=lambda phase: self._report(goal, job, phase),
                )
            finally:
                self._is_attempting, self._interruption = False, None

        def begin(action: Action) -> None:
            self._check(goal)
            if action is not Action.RETRY:
                self._report(goal, job, RunJob.Feedback.PHASE_RECOVERING)

        recovery = StepRecovery(
            self._faults,
            do=lambda action: self._hands.do(action, lambda: self._check(goal)),
            hold=lambda error, question: self._hold(goal, job, error, question),
            begin=begin,
            note=lambda deed: self._note(job, step, deed),
        )
        if recovery.run(attempt) is StepEnd.SKIPPED:
            assert recovery.cause is not None
            job.skip_step(recovery.cause)
        else:
            job.end_step()

    def _note(self, job: Job, step: Step, deed: Deed) -> None:
        """Keep an action of a recovery, and what it means for the plug."""
        how = "" if deed.failure is None else f", which failed: {deed.failure}"
        self._node.get_logger().warning(
            f"{step.name}, code {deed.cause.code}: {deed.action.value} (plan {deed.plan}, rung {deed.rung}){how}"
        )
        if not isinstance(deed.cause, LedgerError):  # what could not be written is not to be written
            self._ledger.note_deed(job, step, deed)

    def _hold(self, goal: RunningGoal | QueuedGoal, job: Job, error: WorkcellError, question: str) -> None:
        """Ask the operator and wait for `unhold`.

        Raises:
            WorkcellError: The error itself where nobody is asked; or the job is ended by command, or cancelled.
        """
        if not self._asks_operator:
            raise error
        self._ask(goal, job, error, lambda: False, f"{question} ({error})")

    def _ask(
        self,
        goal: RunningGoal | QueuedGoal,
        job: Job,
        error: WorkcellError,
        is_answered: Callable[[], bool],
        question: str = "",
    ) -> None:
        """Hold with a question until it is answered, or `unhold`.

        Raises:
            WorkcellError: The job is ended by command, or cancelled.
        """
        with contextlib.suppress(IllegalCommandError):  # somebody leads the cell elsewhere: that goes first
            self._cell.command(Command.HOLD, question or str(error), error.code)
        self._pause_where_asked(goal, job, is_answered=is_answered)

    def _check(self, goal: RunningGoal | QueuedGoal) -> None:
        """Raise when the job has to end at once; a pause and an early completion wait for a better moment."""
        self._require_ready()
        if self._cell.state in _ENDING:
            raise JobEndedError(
                f"the cell is {self._cell.state.name}: {self._cell.reason}",
                quantity="state",
                value=self._cell.state.name,
            )
        goal.check()
        error, self._interruption = self._interruption, None
        if error is not None:
            raise error

    def _pause_where_asked(
        self,
        goal: RunningGoal | QueuedGoal,
        job: Job,
        *,
        is_last: bool = False,
        is_answered: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Hold or suspend the job here if that was commanded, until it is taken back; return whether it was.

        Raises:
            JobEndedError: A command completes the job early, or ends it at once (code 623).
        """
        has_paused = False
        while True:
            state = self._cell.state
            if state in _PAUSING:
                has_paused = True
                job.pause(time.monotonic())
                self._report(goal, job, RunJob.Feedback.PHASE_HELD)
                self._cell.complete(state, f"job {job.job_id} waits after {job.succeeded} steps: {self._cell.reason}")
            elif state in _PAUSED:
                self._check(goal)
                if is_answered():
                    with contextlib.suppress(IllegalCommandError):  # somebody was faster
                        self._cell.command(_PAUSED[state], "the question is answered")
                self._cell.wait_while(state, _LOOK_AGAIN_S)
            elif state in _GOING_ON:
                job.go_on(time.monotonic())
                self._cell.complete(state, f"job {job.job_id} goes on")
            else:
                break
        self._check(goal)
        if self._cell.state is State.COMPLETING and not is_last:
            total = len(job.recipe.steps)
            raise JobEndedError(
                f"completed by command after {job.succeeded} of {total} steps",
                quantity="steps_succeeded",
                value=job.succeeded,
                limit=total,
            )
        return has_paused

    def _leave(self, reason: str, cause_code: int) -> None:
        """Lead the cell out of the job: to idle, or to where a command or a loss wants it."""
        cell = self._cell
        while (state := cell.state) not in _AT_REST:
            try:
                if state in _PAUSED:
                    cell.command(_PAUSED[state], reason, cause_code)
                elif state is State.COMPLETE:
                    cell.command(Command.RESET, reason, cause_code)
                else:
                    cell.complete(state, reason, cause_code)
            except IllegalCommandError:
                continue  # somebody was faster; look again

    # Saying it -----------------------------------------------------------------------------------------------

    def _report(self, goal: RunningGoal | QueuedGoal, job: Job, phase: int) -> None:
        status = self._status(job)
        self._say_status(status)
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
            running_time=Duration(seconds=job.running_s(time.monotonic())).to_msg(),
            attempts=job.attempts,
        )
        if job.error is not None:
            message.error_code, message.error_msg = job.error.code, str(job.error)
        message.header.stamp = self._node.get_clock().now().to_msg()
        return message
