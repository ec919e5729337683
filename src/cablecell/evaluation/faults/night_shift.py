"""A job on the stand-in cell under the supervision of the real one: PackML, plans of recovery, ledger, monitors.

The loop over the steps is this module's; in the running cell it is that of `ros.supervisor_jobs`, with the same core.
"""

from __future__ import annotations

import contextlib
import random

from cablecell.core.errors import CancelledError, WorkcellError
from cablecell.core.fusion.wrench_health import WrenchDriftError, WrenchHealthError
from cablecell.core.insertion.errors import (
    JammedError,
    NoContactError,
    NotLatchedError,
    NotSeatedError,
    OverForceError,
    PlugLostError,
    PulledOutError,
    SearchExhaustedError,
    UnknownPlugError,
)
from cablecell.core.supervision.faults import Action, FaultTable
from cablecell.core.supervision.health import NodeLostError
from cablecell.core.supervision.jobs import Status
from cablecell.core.supervision.packml import Command, PackmlMachine, State
from cablecell.core.supervision.recovery import ActionFailedError, Deed, StepEnd, StepRecovery
from cablecell.core.supervision.self_watch import ClockJumpError, PlugMissingError, RecorderLostError, StarvedError
from cablecell.evaluation.faults.audit import Audit
from cablecell.evaluation.faults.full_disk import FillableLedger
from cablecell.evaluation.faults.injection import DURATION_S, Injection, inject
from cablecell.evaluation.faults.outcome import OperatorNeededError, Outcome
from cablecell.evaluation.faults.stand_in import STOP_S, TICK_S, StandInCell, ToldError
from cablecell.records import ledger_recoveries
from cablecell.records.ledger import LedgerError
from cablecell.records.ledger_rows import InsertionBegin, InsertionEnd, JobRecord

_SPEEDS_MPS = {"pick": 0.2, "transfer": 0.25, "approach": 0.02, "insert": 0.01, "retreat": 0.1, "home": 0.3}
_FORCES_N = {"insert": 8.0, "pull": 10.0}
_CAUGHT_N = 25.0
_WAIT_S = 10.0
_RESPAWN_S = 20.0


class NightShift:
    """Runs jobs on one cell and keeps them in a ledger."""

    def __init__(
        self, cell: StandInCell, ledger: FillableLedger, table: FaultTable, dice: random.Random, base_ns: int
    ) -> None:
        """Begin idle.

        Args:
            cell: The stand-in.
            ledger: Where everything is kept.
            table: Plans.
            dice: For what may turn out one way or the other.
            base_ns: Stamp of the time 0 of the cell, ns.
        """
        self.cell, self._ledger, self._table, self._dice, self._base_ns = cell, ledger, table, dice, base_ns
        self._machine, self._job, self._attempt, self._part = PackmlMachine(), "", 0, 0
        self._injection: Injection | None = None
        self._phase_begun: set[tuple[int, int, str]] = set()
        self._told: tuple[float, WorkcellError] | None = None
        self._off_code = 0
        self.audit, self.outcome = Audit(None), Outcome()
        self._note(0, "the cell begins")
        self._command(Command.RESET, "up")
        self._complete(State.RESETTING, "up")

    @property
    def now_ns(self) -> int:
        """The time as a stamp."""
        return self._base_ns + round(1e9 * self.cell.now_s)

    # PackML --------------------------------------------------------------------------------------------------

    def _note(self, before: int, reason: str, code: int = 0) -> None:
        with contextlib.suppress(LedgerError):  # as in the running cell, which complains in its log
            self._ledger.note_state(
                self.now_ns,
                state=int(self._machine.state),
                previous=int(before),
                mode=int(self._machine.mode),
                cause_code=code,
                reason=reason,
                job_id=self._job,
            )

    def _command(self, command: Command, reason: str, code: int = 0) -> None:
        before = self._machine.state
        self._machine.command(command)
        self._note(before, reason, code)

    def _complete(self, state: State, reason: str, code: int = 0) -> None:
        if self._machine.complete(state):
            self._note(state, reason, code)

    def _abort(self, error: WorkcellError | None) -> None:
        reason, code = ("abort by the operator", 0) if error is None else (str(error), error.code)
        speed = self.cell.world.speed_mps
        self._command(Command.ABORT, reason, code)
        self._stand_still(speed)
        self._complete(State.ABORTING, reason, code)
        for _ in range(100):
            self._tick("stop", 0.0, 0.0)

    def _stand_still(self, speed_mps: float) -> None:
        for _ in range(round(STOP_S / TICK_S)):
            self._tick("stop", speed_mps, 0.0)

    # Jobs ----------------------------------------------------------------------------------------------------

    def run(self, job_id: str, serials: list[str], injection: Injection | None, audit: Audit) -> Outcome:
        """Do a job, one step a serial, with at most one fault; return what became of it."""
        self._job, self._injection, self.audit, self.outcome = job_id, injection, audit, Outcome()
        self._phase_begun.clear()
        self.cell.findings.clear()
        self._ledger.begin_job(JobRecord(job_id, "night", "0" * 64, "{}", "stand-in"), Status.RUNNING, self.now_ns)
        self._command(Command.START, "job")
        self._complete(State.STARTING, "job")
        try:
            for number, serial in enumerate(serials):
                self._do_part(number, serial)
            status = Status.FAILED if self.outcome.flagged else Status.SUCCEEDED
            self._ledger.end_job(job_id, int(status), 0, "", self.now_ns)
        except WorkcellError as error:
            self._notice(error)
            self.outcome.ended_by = error
            self._end(error)
        else:
            for state in (State.EXECUTE, State.COMPLETING):
                self._complete(state, "job done")
            self._command(Command.RESET, "next")
            self._complete(State.RESETTING, "next")
        return self.outcome

    def be_helped(self) -> None:
        """Let a person come, who finds nothing broken any more, and resets the cell."""
        if self._machine.state is State.HELD:
            self._command(Command.STOP, "the operator stops the job")
            self._complete(State.STOPPING, "the operator stops the job")
        elif self._machine.state is State.ABORTED:
            self._command(Command.CLEAR, "the operator clears")
            self._complete(State.CLEARING, "the operator clears")
        self._command(Command.RESET, "the operator resets")
        self._complete(State.RESETTING, "the operator resets")

    def _end(self, error: WorkcellError) -> None:
        if self._machine.state not in (State.ABORTED, State.HELD):
            self._command(Command.STOP, str(error), error.code)
            self._complete(State.STOPPING, str(error), error.code)

    def _do_part(self, number: int, serial: str) -> None:
        self._part, world = number, self.cell.world
        world.has_plug = world.is_covered = world.is_fouled = world.is_seated = False
        world.pockets = [True] * 4

        def note(deed: Deed) -> None:
            if not isinstance(deed.cause, LedgerError):
                ledger_recoveries.note_deed(self._ledger, self._job, serial, deed, self.now_ns)
            if deed.action is Action.QUARANTINE and deed.failure is None:
                plug = f"{serial}/plug{self._attempt}"
                ledger_recoveries.quarantine(
                    self._ledger,
                    plug,
                    job_id=self._job,
                    step=serial,
                    cause_code=deed.cause.code,
                    reason=str(deed.cause),
                    now_ns=self.now_ns,
                )

        recovery = StepRecovery(self._table, do=self._do, hold=self._hold, begin=lambda action: None, note=note)
        end = recovery.run(lambda: self._try(serial))
        self.outcome.recoveries += recovery.count
        if world.is_seated:
            self.outcome.seated.append(serial)
        if world.is_covered or world.is_fouled:
            self.outcome.hopeless.append(serial)
        (self.outcome.good if end is StepEnd.DONE else self.outcome.flagged).append(serial)

    def _hold(self, error: WorkcellError, question: str) -> None:
        self._command(Command.HOLD, question, error.code)
        self._complete(State.HOLDING, question, error.code)
        for _ in range(100):
            self._tick("held", 0.0, 0.0)
        raise OperatorNeededError(question)

    # One attempt ---------------------------------------------------------------------------------------------

    def _try(self, serial: str) -> None:
        self._attempt += 1
        try:
            self._make(serial)
        except WorkcellError as error:
            self._notice(error)
            self._told = None
            if self._machine.state is not State.ABORTED and error.code != 637:
                self._back_out()
            raise

    def _make(self, serial: str) -> None:
        world = self.cell.world
        if not world.has_plug:
            self._pass("pick")
            if not world.pockets.pop(0):
                raise PlugMissingError("the pocket is empty")
            world.has_plug = True
        if not world.is_right:
            raise UnknownPlugError("the plug is of another family")
        if self.cell.lost_recorder:
            raise RecorderLostError("the recorder is gone")
        self._pass("look")
        cameras = self.cell.trusted_cameras
        if not cameras:
            raise ToldError.of(534, "no camera is trusted")
        if world.is_swapped:
            raise ToldError.of(586, "two cameras show each other's picture")
        if world.is_off:
            raise ToldError.of(self._off_code, "it is not where it was")
        if world.is_covered:
            raise ToldError.of(539, "the port is covered")
        if self.cell.lost_recorder:
            raise RecorderLostError("the recorder is gone")
        if self.cell.wrench_error is not None:
            raise self.cell.wrench_error
        seen_m = world.board_m
        begin = InsertionBegin("sfp", "sfp_module", serial, "stand-in", 2.0e-4, 3.0e-3, serial)
        row = self._ledger.begin_insertion(self._job, serial, begin, self.now_ns)
        self.outcome.begun += 1
        self.audit.begin_insertion(world, self.cell.now_s, uses=cameras, can_write=not self._ledger.is_full)
        end = InsertionEnd(1, "ended by an error that is none of the cell's", attempts=1)
        try:
            self._insert(seen_m)
            end = InsertionEnd(0, outcome=1, attempts=1, depth_m=0.0467, peak_force_n=8.0, is_latched=True)
        except WorkcellError as error:
            end = InsertionEnd(error.code, str(error), attempts=1)
            raise
        finally:
            self._ledger.end_insertion(row, end, self.now_ns)
        world.has_plug = False
        self._pass("retreat")

    def _insert(self, seen_m: float) -> None:
        world, dice = self.cell.world, self._dice
        for phase in ("transfer", "approach"):
            self._pass(phase)
        if abs(world.board_m - seen_m) > 1.0e-3:
            self._pass("insert", 0.3)
            raise dice.choice([NoContactError, SearchExhaustedError])("the port is not where it was seen")
        if world.is_fouled:
            self._pass("insert", 0.8)
            raise dice.choice([JammedError, NotSeatedError])("stuck on the way in")
        self._pass("insert")
        self._pass("pull")
        if not world.has_latch:
            raise dice.choice([NotLatchedError, PulledOutError])("the pull moved the plug")
        world.is_seated = True

    def _back_out(self) -> None:
        for _ in range(50):
            self._tick("retreat", _SPEEDS_MPS["retreat"], 0.0)
        self._tick("rest", 0.0, 0.0)

    # Actions of a recovery -----------------------------------------------------------------------------------

    def _do(self, action: Action) -> None:
        world = self.cell.world
        if action is Action.HOME:
            world.is_caught = False
            self._pass("home", 2.0)
        elif action is Action.TARE:
            self._pass("rest", 0.3)
            error = self.cell.wrench_error
            if error is not None and not isinstance(error, WrenchDriftError):
                raise ActionFailedError("the force sensor is not trusted")
            self.cell.tare()
        elif action is Action.WAIT:
            end_s = self.cell.now_s + _WAIT_S
            while self.cell.wrench_error is not None or len(self.cell.trusted_cameras) < 3:
                if self.cell.now_s > end_s:
                    raise ActionFailedError(f"after {_WAIT_S} s not trusted again")
                self._pass("rest", 0.1)
        elif action is Action.SWAP:
            if not any(world.pockets):
                raise ActionFailedError("the tray is empty")
            self._pass("home", 2.0)
            world.has_plug, world.is_right, world.has_latch = False, True, True
        elif action is Action.RESPAWN:
            end_s = self.cell.now_s + _RESPAWN_S
            while "recorder" not in self.cell.world.dead:  # launch starts again only what has ended
                if self.cell.now_s > end_s:
                    raise ActionFailedError(f"the recorder has not ended within {_RESPAWN_S} s")
                self._pass("rest", 0.1)
            self._pass("rest", 1.5)
            self.cell.respawn_recorder()

    # Time ----------------------------------------------------------------------------------------------------

    def _pass(self, phase: str, seconds: float | None = None) -> None:
        """Let a phase pass; raise what ends it."""
        key = (self._part, self._attempt, phase)
        begun_s = self.cell.now_s
        for _ in range(round((DURATION_S[phase] if seconds is None else seconds) / TICK_S)):
            self._inject_where_due(phase, begun_s, is_again=key in self._phase_begun)
            force_n = _CAUGHT_N if self.cell.world.is_caught and phase == "transfer" else _FORCES_N.get(phase, 0.0)
            self._tick(phase, _SPEEDS_MPS.get(phase, 0.0), force_n)
        self._phase_begun.add(key)

    def _inject_where_due(self, phase: str, begun_s: float, *, is_again: bool) -> None:
        fault = self._injection
        if fault is None or is_again or (fault.part, fault.phase) != (self._part, phase):
            return
        if self.cell.now_s - begun_s < fault.delay_s:
            return
        self._injection = None
        inject(fault, self.cell)
        self.outcome.injected_s = self.cell.now_s
        name = fault.name
        told: dict[str, WorkcellError] = {
            "plug_dropped": PlugLostError("the plug fell"),
            "commands_stale": ToldError.of(304 if fault.pick < 0.5 else 313, "commands are stale"),
            "states_dropped": ToldError.of(422, "no states of the arm"),
            "encoder_error": ToldError.of(319, "joint 3 is 0.05 rad from where it was told to be"),
            "person_near": ToldError.of(637, "somebody is near"),
            "cable_jammed": OverForceError("25 N on the way")
            if fault.pick < 0.5
            else ToldError.of(312, "25 N on the way"),
        }
        self._off_code = 598 if name == "grip_changed" else 596 if fault.pick < 0.5 else 597
        if name in told:
            self._told = (self.cell.now_s + 0.1, told[name])
        elif name == "stop_button":
            self._notice(None)
            self._abort(None)
            raise CancelledError("aborted by the operator")
        elif name == "disk_full":
            self._ledger.is_full = True

    def _tick(self, phase: str, speed_mps: float, force_n: float) -> None:
        world = self.cell.world
        world.speed_mps, world.force_n = speed_mps, force_n
        found = self.cell.tick()
        self.audit.look(self.cell.now_s, TICK_S, phase, self._attempt, world)
        if phase in ("stop", "held"):
            return
        for finding in found:
            self._notice(finding.error)
        for finding in found:
            error = finding.error
            if isinstance(error, (NodeLostError, StarvedError)):
                self._abort(error)
                raise error
            if isinstance(error, (WrenchHealthError, ClockJumpError)) and phase != "retreat":
                raise error
        if self._told is not None and self.cell.now_s >= self._told[0]:
            error, self._told = self._told[1], None
            self._notice(error)
            if error.code == 319:
                self._abort(error)
            elif error.code == 637:
                self._stand_still(speed_mps)
            raise error

    def _notice(self, error: WorkcellError | None) -> None:
        if self.outcome.injected_s is None or self.outcome.noticed_s is not None:
            return
        self.outcome.noticed_s = self.cell.now_s
        self.outcome.first_code = 0 if error is None else error.code
        self.audit.notice(self.cell.now_s, self._attempt)
