"""The procedure `cell conform`: does a machine keep the contract of all machines? A person stands beside it and signs.

Whatever is not simulated moves slowly, one wrist joint and the fingers only, and nothing moves before the person has
been told what, how far and how fast, and has said yes to just that.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from importlib.metadata import version
from typing import Any

import numpy as np

from cablecell.composition.machines import Backend, MachineOptions, make_machine
from cablecell.core.calibration.record import content_hash
from cablecell.core.errors import ControlLostError, StaleStateError, WorkcellError
from cablecell.hardware.contract import CHECKS, ContractCheck, Measured, Pace, is_readable
from cablecell.ports import Machine

SIMULATED = ("mock", "sim")
"""Kinds of machine at which nobody can be hurt; any other may be an arm."""

GENTLE = Pace(
    period_s=0.002,
    highest_rad_per_s=0.0,
    joint=-1,
    speed_rad_per_s=0.1,
    travel_s=1.0,
    stop_speed_rad_per_s=0.3,
    jumps_all=False,
    jump_rad=1.0e-3,
    settle_s=1.0,
    still_s=2.0,
)
"""How a machine is moved here; period and speed limit are those of the machine."""

PULL_LIMIT_S = 60.0
SILENCE_S = 0.2
"""Oldest state that may have been acted on when the cable is pulled, s."""

PASSED, FAILED, NOT_DONE, LEFT_OUT = "passed", "failed", "not done", "left out"
VERSION = 1


@dataclass(frozen=True)
class ConformOptions:
    """What is checked, and who does it.

    Attributes:
        hardware: Kind of machine.
        machine: What is configured about it.
        person: Name of the person who stands beside it.
        serial: Serial number of the robot, as it is on its plate.
        is_yes: Nobody is asked; for simulated machines only.
    """

    hardware: str
    machine: MachineOptions
    person: str
    serial: str = ""
    is_yes: bool = False

    @property
    def is_simulated(self) -> bool:
        """Whether nothing real can move."""
        return self.hardware in SIMULATED


@dataclass(frozen=True)
class CheckResult:
    """What came of one check.

    Attributes:
        key: Its name.
        title: What the machine keeps.
        state: `PASSED`, `FAILED`, `NOT_DONE`, or `LEFT_OUT` where it is not for a real arm.
        measured: What was measured.
        remark: Why it failed or was not done.
        motion: What the person was told of its motion.
    """

    key: str
    title: str
    state: str
    measured: tuple[Measured, ...] = ()
    remark: str = ""
    motion: str = ""


@dataclass
class Procedure:
    """One run over all checks.

    Attributes:
        options: What is checked.
        ask: Puts a question to the person and returns whether the answer was yes.
        say: Tells the person something.
        results: What came of the checks so far.
    """

    options: ConformOptions
    ask: Callable[[str], bool]
    say: Callable[[str], None]
    results: list[CheckResult] = field(default_factory=list)

    def run(self) -> dict[str, Any]:
        """Do every check that the person agrees to, and return the signed report.

        Raises:
            WorkcellError: The machine cannot be made (families 800 and 900).
        """
        begun = datetime.now(tz=timezone.utc)
        backend = make_machine(self.options.hardware, self.options.machine)
        pace = _pace(backend, self.options)
        try:
            self._work(backend.machine, pace)
        except BaseException:
            with contextlib.suppress(Exception):  # what comes through says more
                backend.machine.disconnect()
            raise
        try:
            backend.machine.disconnect()
        except Exception as error:  # the code of a driver may raise anything
            self._note(CheckResult("leave", "It can be left", FAILED, remark=_why(error)))
        return _signed(self.options, begun, pace, self.results)

    def _work(self, machine: Machine, pace: Pace) -> None:
        for check in CHECKS:
            if not check.is_connected:
                self._do(check, machine, pace)
        question = "Connecting takes control of the arm, which must not move. Nothing touches the tool?"
        why = "the person did not agree to connect" if not self._may(question) else self._connect(machine)
        for check in CHECKS:
            if check.is_connected and why:
                self._note(CheckResult(check.key, check.title, NOT_DONE, remark=why))
            elif check.is_connected:
                self._do(check, machine, pace)
                if self.results[-1].state == FAILED and not self.options.is_simulated:
                    why = f"'{check.title}' failed before"
        if not self.options.is_simulated:
            self._lose_the_link(machine, pace, why)

    def _connect(self, machine: Machine) -> str:
        try:
            machine.connect()
        except Exception as error:  # the code of a driver may raise anything
            self._note(CheckResult("connect", "It connects", FAILED, remark=_why(error)))
            return "it does not connect"
        self._note(CheckResult("connect", "It connects", PASSED))
        return ""

    def _do(self, check: ContractCheck, machine: Machine, pace: Pace) -> None:
        motion = check.motion(machine, pace) if check.motion is not None else ""
        nothing = CheckResult(check.key, check.title, NOT_DONE, motion=motion)
        if check.is_abrupt and not self.options.is_simulated:
            why = "too abrupt for a real arm; the tests of the cell do it on simulated ones"
            self._note(replace(nothing, state=LEFT_OUT, remark=why))
            return
        if motion and not self._may(f"{check.title}: {motion}."):
            self._note(replace(nothing, remark="the person did not agree to the motion"))
            return
        self._note(replace(_measure(check, machine, pace), motion=motion))

    def _lose_the_link(self, machine: Machine, pace: Pace, why: str) -> None:
        nothing = CheckResult("link", "A lost link is noticed, and good again after a new connection", NOT_DONE)
        question = f"Pull the network cable of the robot within {PULL_LIMIT_S:.0f} s after your yes; nothing moves."
        if why or not self._may(question):
            self._note(replace(nothing, remark=why or "the person did not agree"))
            return
        error = _wait_for_loss(machine, pace)
        machine.disconnect()
        if error is None:
            self._note(replace(nothing, state=FAILED, remark=f"no loss was noticed within {PULL_LIMIT_S:.0f} s"))
            return
        measured = []
        if isinstance(error, StaleStateError):
            measured.append(Measured("silent before it was refused", float(error.value), SILENCE_S, "s"))
        if not self._may("Plug the cable in again, make the robot ready, and connect anew: nothing may move."):
            self._note(
                replace(nothing, measured=tuple(measured), remark=f"lost by code {error.code}; not connected anew")
            )
            return
        again = ContractCheck("link", nothing.title, lambda machine, pace: [*measured, *_anew(machine, pace)])
        self._note(replace(_measure(again, machine, pace), remark=_why(error)))

    def _may(self, question: str) -> bool:
        return self.options.is_simulated or self.ask(question)

    def _note(self, result: CheckResult) -> None:
        self.results.append(result)
        self.say(f"{result.state:>8}  {result.title}{': ' + result.remark if result.remark else ''}")
        for one in result.measured:
            mark = "" if one.is_within else "  <- beyond its limit"
            self.say(f"            {one.what}: {one.value:.4g} of {one.limit:.4g} {one.unit}{mark}".rstrip())


def _measure(check: ContractCheck, machine: Machine, pace: Pace) -> CheckResult:
    try:
        measured = tuple(check.run(machine, pace))
    except Exception as error:  # the code of a driver may raise anything
        with contextlib.suppress(Exception):
            machine.arm.stop()
        return CheckResult(check.key, check.title, FAILED, remark=_why(error))
    good = all(one.is_within for one in measured)
    return CheckResult(check.key, check.title, PASSED if good else FAILED, measured)


def _why(error: Exception) -> str:
    return f"code {error.code}: {error}" if isinstance(error, WorkcellError) else f"{type(error).__name__}: {error}"


def _anew(machine: Machine, pace: Pace) -> list[Measured]:
    machine.connect()
    return is_readable(machine, pace)


def _wait_for_loss(machine: Machine, pace: Pace) -> WorkcellError | None:
    begun_s, clock_s = time.monotonic(), machine.clock.now_s()
    while max(time.monotonic() - begun_s, machine.clock.now_s() - clock_s) < PULL_LIMIT_S:
        try:
            machine.cycle(pace.period_s)
            machine.arm.read()
        except (StaleStateError, ControlLostError) as error:
            return error
    return None


def _pace(backend: Backend, options: ConformOptions) -> Pace:
    limits = backend.model.joint_limits
    joint = len(backend.machine.arm.joint_names) - 1
    return replace(
        GENTLE,
        period_s=1.0 / options.machine.rate_hz,
        joint=joint,
        highest_rad_per_s=float(limits.velocity[joint]),
        jump_rad=1.0 if options.is_simulated else GENTLE.jump_rad,
    )


def _signed(options: ConformOptions, begun: datetime, pace: Pace, results: list[CheckResult]) -> dict[str, Any]:
    states = {result.state for result in results}
    verdict = FAILED if FAILED in states else "passed, not all was done" if NOT_DONE in states else PASSED
    report: dict[str, Any] = {
        "kind": "conformance",
        "version": VERSION,
        "hardware": options.hardware,
        "is_simulated": options.is_simulated,
        "robot_file": options.machine.robot_file,
        "robot_ip": options.machine.robot_ip,
        "serial": options.serial,
        "person": options.person,
        "software": version("cablecell"),
        "begun": begun.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "ended": datetime.now(tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "pace": asdict(pace),
        "verdict": verdict,
        "checks": [{**asdict(result), "measured": [_row(one) for one in result.measured]} for result in results],
    }
    return {**report, "sha256": content_hash(report)}


def _row(one: Measured) -> dict[str, Any]:
    value = None if np.isnan(one.value) else float(one.value)
    return {"what": one.what, "value": value, "limit": float(one.limit), "unit": one.unit, "is_within": one.is_within}
