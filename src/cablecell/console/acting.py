"""Does the commands of the console: asks the services, actions and ledger of the cell. Moves nothing itself."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cablecell_interfaces.action import Observe, RunJob
from cablecell_interfaces.srv import PackmlCommand
from std_srvs.srv import SetBool, Trigger

from cablecell.composition.recipe_book import RecipeBook
from cablecell.composition.task_knowledge import TaskKnowledge
from cablecell.configuration import recipes_folder
from cablecell.console.calibrations import record_folders, roll_back
from cablecell.console.curves import Recordings
from cablecell.console.errors import BusyGoalError, NoLedgerError, UnknownCommandError
from cablecell.console.gateway import PACKML, Action, AuditRow
from cablecell.console.node_parameters import NodeParameters
from cablecell.console.state import ConsoleState
from cablecell.console.texts import say
from cablecell.core.config.console import ConsoleParameters
from cablecell.core.errors import WorkcellError
from cablecell.core.supervision.jobs import UnknownRecipeError, recipe_hash
from cablecell.core.supervision.packml import Command, Mode
from cablecell.core.teleop.errors import StopUnconfirmedError
from cablecell.records import ledger_queue
from cablecell.records.ledger import Ledger
from cablecell.records.ledger_releases import require_released
from cablecell.ros.action_client import MutualActionClient
from cablecell.ros.estimator_errors import AccuracyNotReachedError
from cablecell.ros.goals import RemoteError, await_future, call

_STOP_S = 2.0
"""Longest time for the arm controller to confirm a stop, s; it is asked again all the while."""

_STOP_AGAIN_S = 0.4

_LOOK_S = 20.0
"""Longest time of a look at the ports, s."""

_SURE_M, _SURE_RAD = 0.001, 0.01
"""What a look is asked for; what it comes to is told anyhow."""


class Acting:
    """Clients of the cell's services; its methods block and are called from threads that spin nothing."""

    def __init__(self, node: Any, state: ConsoleState, settings: ConsoleParameters) -> None:
        """Create the clients.

        Args:
            node: Owner; somebody spins it.
            state: For what is known of the cell.
            settings: Parameters of the console.

        Raises:
            DocumentError: A recipe or trial file cannot be read (code 910).
        """
        self._state, self._limit_s = state, settings.answer_limit_s
        self._ledger = Path(settings.ledger_file) if settings.ledger_file else None
        self._records = record_folders(settings)
        self._recordings = Recordings(settings.recording_file, node.resolve_topic_name("contact_state"))
        self._parameters = NodeParameters(node, settings.answer_limit_s)
        trials = Path(settings.trials_file) if settings.trials_file else None
        folder = recipes_folder(settings.recipes_folder)
        self._book = RecipeBook(folder, TaskKnowledge(trials).layouts)
        self._stop = node.create_client(Trigger, "stop")
        self._clear_stop = node.create_client(Trigger, "clear_stop")
        self._tare = node.create_client(Trigger, "tare_force_torque_sensor")
        self._packml = node.create_client(PackmlCommand, "packml_command")
        self._teleop_enable = node.create_client(SetBool, "teleop/enable")
        self._teleop_assist = node.create_client(SetBool, "teleop/assist")
        self._observe = MutualActionClient(node, Observe, "observe")
        self._run_job = MutualActionClient(node, RunJob, "run_job")

    @property
    def recipes(self) -> tuple[str, ...]:
        """Names of all recipes."""
        return self._book.names

    @property
    def ledger(self) -> Path | None:
        """File of the ledger; None where the cell keeps none."""
        return self._ledger

    @property
    def records(self) -> Mapping[str, Path]:
        """Folders of calibration records by kind; kinds without one are not there."""
        return self._records

    @property
    def recordings(self) -> Recordings:
        """Recordings of the cell."""
        return self._recordings

    @property
    def parameters(self) -> NodeParameters:
        """What the nodes are set to."""
        return self._parameters

    def table(self) -> Mapping[str, Action]:
        """Return what does each command of the gateway."""
        return {
            "stop_arm": self.stop_arm,
            "release_stop": self.release_stop,
            **{name: self._packml_action(Command[name.upper()]) for name in PACKML},
            "mode": self.change_mode,
            "start": self.start,
            "add_job": self.add_job,
            "change_job": self.change_job,
            "acknowledge": self.acknowledge,
            "teleop_enable": lambda who: self._enable(True),
            "teleop_disable": lambda who: self._enable(False),
            "teleop_assist": self.switch_assist,
            "teleop_look": self.look,
            "tare": lambda who: self._trigger(self._tare, "done.tare"),
            "roll_back": lambda who, kind, number: roll_back(self._records, kind, number),
        }

    def stop_arm(self, who: str) -> str:
        """Stop the arm by its controller, whoever moves it; then have the cell abort, so that its job knows.

        Raises:
            StopUnconfirmedError: The controller did not confirm; the arm may still move (code 711).
        """
        try:
            answer = call(self._stop, Trigger.Request(), _STOP_S, repeat_s=_STOP_AGAIN_S)
            failure = "" if answer.success else str(answer.message)
        except WorkcellError as error:
            failure = str(error)
        # Also where the controller was silent: the supervisor stops the arm by ways of its own.
        with contextlib.suppress(WorkcellError):
            self._ask_packml(who, command=Command.ABORT, limit_s=_STOP_S)
        if failure:
            raise StopUnconfirmedError(f"the arm may still move: {failure}", quantity="stop", value=failure)
        return say("done.stop_arm")

    def release_stop(self, who: str) -> str:
        """Let the arm out of a stop that has not aborted the cell.

        Raises:
            WorkcellError: The controller did not answer, or refuses.
        """
        return self._trigger(self._clear_stop, "done.release_stop")

    def change_mode(self, who: str, mode: str) -> str:
        """Change the mode of the cell.

        Raises:
            UnknownCommandError: There is no such mode (code 726).
            WorkcellError: The supervisor refused it, with its code.
        """
        names = [one.name.lower() for one in Mode]
        if mode not in names:
            raise UnknownCommandError(f"there is no mode '{mode}'; there are {', '.join(names)}", quantity="mode")
        self._ask_packml(who, mode=Mode[mode.upper()])
        return say("done.mode", mode=mode)

    def start(self, who: str, recipe: str) -> str:
        """Start a job; it goes on whatever becomes of the console.

        Raises:
            UnknownRecipeError: There is no such recipe (code 933).
            BusyGoalError: The cell did not take it (code 729).
        """
        self._require_name(recipe)
        self._wait_for(self._run_job, "nobody serves jobs: the cell is not there", "run_job")
        future = self._run_job.send_goal_async(RunJob.Goal(recipe=recipe))
        handle = await_future(future, self._limit_s, "action run_job")
        if not handle.accepted:
            raise BusyGoalError(
                f"the cell did not take {recipe}; it is {self._state.cell.name}: {self._state.cell.reason}",
                quantity="recipe",
                value=recipe,
            )
        return say("done.start", recipe=recipe)

    def add_job(self, who: str, recipe: str, name: str, serials: str, priority: str) -> str:
        """Put a job into the queue.

        Raises:
            WorkcellError: There is no ledger or no such recipe, or the queue refuses it.
        """
        found = self._require_name(recipe)
        try:
            rank = int(priority or "0")
        except ValueError as error:
            raise UnknownCommandError(f"priority '{priority}' is no number", quantity="priority") from error
        now_ns = time.time_ns()
        parts = tuple(serials.replace(",", " ").split())
        job = ledger_queue.QueuedJob(name or f"job_{now_ns}", recipe, recipe_hash(found), parts, rank, "", who)
        with self._open() as ledger:
            require_released(ledger, found)
            ledger_queue.add(ledger, job, now_ns)
        return say("done.add_job", job=job.job_id)

    def change_job(self, who: str, job_id: str, what: str) -> str:
        """Cancel, pause, resume or retry a job of the queue.

        Raises:
            WorkcellError: There is no ledger, or the queue refuses it.
        """
        if what not in ("cancel", "pause", "resume", "retry"):
            raise UnknownCommandError(f"a job cannot be changed by '{what}'", quantity="what", value=what)
        with self._open() as ledger:
            if what == "retry":
                job_id, state = ledger_queue.retry(ledger, job_id, who, time.time_ns()).job_id, "waiting"
            else:
                state = ledger_queue.change(ledger, job_id, what, time.time_ns())
        return say("done.change_job", job=job_id, state=state)

    def acknowledge(self, who: str, alarm: str) -> str:
        """Note that somebody has seen an alarm.

        Raises:
            UnknownCommandError: There is no such alarm (code 726).
        """
        number = int(alarm) if alarm.isascii() and alarm.isdigit() else 0
        return say("done.acknowledge", cause=self._state.alarms.acknowledge(number, who).cause)

    def switch_assist(self, who: str, what: str) -> str:
        """Switch the snap-to-port assist of teleoperation `on` or `off`.

        Raises:
            UnknownCommandError: It is neither (code 726).
            WorkcellError: Teleoperation does not answer, or refuses.
        """
        if what not in ("on", "off"):
            raise UnknownCommandError(f"the assist is on or off, not '{what}'", quantity="what", value=what)
        return self._set(self._teleop_assist, what == "on", f"done.assist_{what}")

    def look(self, who: str) -> str:
        """Look at the ports from where the cameras are; nothing moves.

        Raises:
            BusyGoalError: Nobody looks, or somebody does already (code 729).
            WorkcellError: The ports were not found, with the code of the estimator.
        """
        self._wait_for(self._observe, "nobody looks at ports: the cell is not there", "observe")
        goal = Observe.Goal(position_std=_SURE_M, orientation_std=_SURE_RAD, max_views=1)
        goal.time_limit.sec = int(_LOOK_S)
        handle = await_future(self._observe.send_goal_async(goal), self._limit_s, "action observe")
        if not handle.accepted:
            raise BusyGoalError("somebody looks at the ports already", quantity="observe")
        result = await_future(handle.get_result_async(), _LOOK_S + self._limit_s, "the end of a look").result
        if result.error_code not in (0, AccuracyNotReachedError.code):
            raise RemoteError.of(result)
        return say("done.teleop_look")

    def keep(self, row: AuditRow) -> None:
        """Write a row of the audit trail into the ledger, where there is one.

        Raises:
            LedgerError: It cannot be written (code 640).
        """
        if self._ledger is None:
            return
        with self._open() as ledger:
            ledger.note_command(
                row.stamp_ns,
                requester=row.requester,
                command=row.command,
                reason="",
                error_code=row.error_code,
                error_msg=row.error_msg,
            )

    def _packml_action(self, command: Command) -> Action:
        def act(who: str) -> str:
            self._ask_packml(who, command=command)
            return say("done.packml", command=command.name.lower())

        return act

    def _ask_packml(self, who: str, *, limit_s: float | None = None, **asked: int) -> None:
        request = PackmlCommand.Request(requester=who, **{key: int(value) for key, value in asked.items()})
        answer = call(self._packml, request, limit_s or self._limit_s, repeat_s=None)
        if answer.error_code:
            raise RemoteError.of(answer)

    def _enable(self, is_on: bool) -> str:
        return self._set(self._teleop_enable, is_on, "done.teleop_enable" if is_on else "done.teleop_disable")

    def _set(self, client: Any, is_on: bool, done: str) -> str:
        answer = call(client, SetBool.Request(data=is_on), self._limit_s)
        if not answer.success:
            raise RemoteError(answer.message)
        return say(done)

    def _wait_for(self, client: MutualActionClient, otherwise: str, quantity: str) -> None:
        end_s = time.monotonic() + self._limit_s
        while not client.server_is_ready():
            if time.monotonic() > end_s:
                raise BusyGoalError(otherwise, quantity=quantity)
            time.sleep(0.02)

    def _trigger(self, client: Any, done: str) -> str:
        answer = call(client, Trigger.Request(), self._limit_s)
        if not answer.success:
            raise RemoteError(answer.message)
        return say(done)

    def _require_name(self, recipe: str) -> Any:
        """Return a recipe by its name; never one of a path, which a browser has no business to give."""
        if recipe not in self._book.names:
            names = ", ".join(self._book.names)
            raise UnknownRecipeError(
                f"recipe '{recipe}' does not exist; valid are {names}", quantity="recipe", value=recipe, limit=names
            )
        return self._book.find(recipe)

    def _open(self) -> Ledger:
        if self._ledger is None:
            raise NoLedgerError("this cell keeps no ledger: start it with ledger:=FILE", quantity="ledger")
        return Ledger(self._ledger)
