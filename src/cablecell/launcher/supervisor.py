"""Carries out a plan: starts processes, restarts them, and ends all of them whatever happens."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from cablecell.launcher.log import LaunchLog
from cablecell.launcher.plan import LaunchPlan, MessagePlan, ProcessPlan, ShutdownPlan
from cablecell.launcher.process import INTERRUPTS, SupervisedProcess, adopt_orphans

DEFAULT_TIMEOUT_S = 5.0
_EXIT_REFUSED = 2
_GROUP_POLL_S = 0.05
_ESCALATION = (signal.SIGTERM, signal.SIGKILL)


@contextlib.contextmanager
def _adopted_orphans() -> Iterator[None]:
    adopt_orphans(True)
    try:
        yield
    finally:
        adopt_orphans(False)


class Supervisor:
    """Runs one plan in the main thread, without threads of its own.

    Args:
        plan: What to do.
        log: Where to say it.
    """

    def __init__(self, plan: LaunchPlan, log: LaunchLog) -> None:
        self._plan = plan
        self._log = log
        self._selector = selectors.DefaultSelector()
        self._processes: list[SupervisedProcess] = []
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._timer_order = itertools.count()
        self._pending = 0  # timers of the plan and of respawns: what keeps an idle launch alive
        self._stopping = False
        self._interrupts = 0
        self._failed: list[str] = []
        self._is_refused = False
        self._guardian: subprocess.Popen[bytes] | None = None

    def run(self) -> int:
        """Run until every process has ended.

        Returns:
            0, also after an interrupt, 1 if a process died by itself, 2 if a required one ended with exit code 2: it
            refused how it was called or configured.
        """
        with self._signals() as wakeup, self._guarded(), _adopted_orphans():
            self._selector.register(wakeup, selectors.EVENT_READ, None)
            try:
                self._start_plan()
                while self._busy():
                    self._wait(wakeup)
            finally:
                self._kill_all()
        if self._failed:
            self._log.event("ERROR", "launch", f"{len(self._failed)} process(es) died: {', '.join(self._failed)}")
        if self._is_refused:
            return _EXIT_REFUSED
        return 1 if self._failed else 0

    # -- the plan --------------------------------------------------------------------------------------------------

    def _start_plan(self) -> None:
        """Begin; what is due at one moment happens as in ros2 launch: messages, then processes, then shutdowns."""
        start = time.monotonic()
        order = (MessagePlan, ProcessPlan, ShutdownPlan)
        for step in sorted(self._plan.steps, key=lambda step: (step.at_s, order.index(type(step.action)))):
            if step.at_s == 0.0:
                self._carry_out(step.action)
            else:
                self._pending += 1
                self._at(start + step.at_s, self._planned(step.action))

    def _planned(self, action: ProcessPlan | MessagePlan | ShutdownPlan) -> Callable[[], None]:
        def carry_out() -> None:
            self._pending -= 1
            if not self._stopping:
                self._carry_out(action)

        return carry_out

    def _carry_out(self, action: ProcessPlan | MessagePlan | ShutdownPlan) -> None:
        if isinstance(action, MessagePlan):
            self._log.event("INFO", "launch.user", action.message)
        elif isinstance(action, ShutdownPlan):
            self._stop(action.reason)
        elif not self._stopping:
            process = SupervisedProcess(action, self._log)
            self._processes.append(process)
            self._start(process)

    def _start(self, process: SupervisedProcess) -> None:
        try:
            process.start()
        except OSError as error:
            self._log.event("ERROR", process.plan.label, f"cannot be started: {error}")
            self._failed.append(f"{process.plan.label} (cannot be started)")
            if process.plan.shutdown_on_exit:
                self._stop(f"process[{process.plan.label}] was required")
            return
        self._tell_guardian("+", process.group)
        for descriptor in process.descriptors:
            self._selector.register(descriptor, selectors.EVENT_READ, process)

    # -- events ----------------------------------------------------------------------------------------------------

    def _busy(self) -> bool:
        """Tell whether there is anything to wait for; begin to stop when only leftovers of processes are left."""
        if any(process.running for process in self._processes) or (self._pending and not self._stopping):
            return True
        leftovers = any(process.has_group() for process in self._processes)
        if leftovers and not self._stopping:
            self._stop("only what the processes left behind is still running")
        return leftovers

    def _wait(self, wakeup: int) -> None:
        now = time.monotonic()
        timeout = self._timers[0][0] - now if self._timers else None
        if self._stopping:  # groups whose leader is gone end without a signal to us
            timeout = _GROUP_POLL_S if timeout is None else min(timeout, _GROUP_POLL_S)
        for key, _ in self._selector.select(None if timeout is None else max(0.0, timeout)):
            if key.data is None:
                self._on_signals(os.read(wakeup, 1024))
            elif not key.data.read(key.fd):
                self._selector.unregister(key.fd)
        self._reap()
        while self._timers and self._timers[0][0] <= time.monotonic():
            heapq.heappop(self._timers)[2]()
        if self._log.screen_closed and not self._stopping:
            self._stop("the screen is closed")

    def _on_signals(self, numbers: bytes) -> None:
        for number in numbers:
            if number in INTERRUPTS:
                self._interrupt(signal.Signals(number))

    def _interrupt(self, number: signal.Signals) -> None:
        """First one: the usual shutdown. Second one: SIGTERM at once. Third one: SIGKILL at once."""
        self._interrupts += 1
        name = "ctrl-c (SIGINT)" if number is signal.SIGINT else number.name
        if self._interrupts == 1 and not self._stopping:
            self._log.event("WARNING", "launch", f"user interrupted with {name}")
            self._stop(name)
            return
        harder = _ESCALATION[min(max(self._interrupts - 2, 0), 1)]
        self._log.event(
            "WARNING", "launch", f"user interrupted with {name} during the shutdown, sending {harder.name} at once"
        )
        for process in self._processes:
            if process.has_group():
                process.signal(harder)

    def _reap(self) -> None:
        for process in self._processes:
            descriptors, group = process.descriptors, process.group
            ended = process.poll()
            if group is not None and not process.has_group():
                self._tell_guardian("-", group)
            if ended:
                for descriptor in descriptors:
                    self._selector.unregister(descriptor)
                self._on_exit(process)

    def _on_exit(self, process: SupervisedProcess) -> None:
        plan = process.plan
        if not self._stopping and plan.respawn and not 0 <= plan.respawn_max_retries <= process.restarts:
            self._respawn_later(process)
        elif not self._stopping and process.exit_code != 0:
            self._failed.append(f"{plan.label} (exit code {process.exit_code})")
        if plan.shutdown_on_exit and not self._stopping:
            self._is_refused = process.exit_code == _EXIT_REFUSED
            self._log.event("INFO", "launch", f"process[{plan.label}] was required: shutting down launched system")
            self._stop(f"process[{plan.label}] was required")

    def _respawn_later(self, process: SupervisedProcess) -> None:
        process.restarts += 1
        self._pending += 1

        def respawn() -> None:
            self._pending -= 1
            if not self._stopping:
                self._start(process)

        self._at(time.monotonic() + process.plan.respawn_delay_s, respawn)

    def _at(self, when: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (when, next(self._timer_order), action))

    # -- the end ---------------------------------------------------------------------------------------------------

    def _stop(self, reason: str) -> None:
        """Send SIGINT to every process group, and plan SIGTERM and SIGKILL for those that do not end."""
        if self._stopping:
            return
        self._stopping = True
        living = [process for process in self._processes if process.has_group()]
        if living:
            self._log.event("INFO", "launch", f"shutting down {len(living)} process(es): {reason}")
        for process in living:
            sigterm_s = self._timeout(process.plan.sigterm_timeout_s)
            sigkill_s = sigterm_s + self._timeout(process.plan.sigkill_timeout_s)
            process.signal(signal.SIGINT)
            now = time.monotonic()
            self._at(now + sigterm_s, self._escalate(process, sigterm_s, signal.SIGINT, signal.SIGTERM))
            self._at(now + sigkill_s, self._escalate(process, sigkill_s, signal.SIGTERM, signal.SIGKILL))

    def _escalate(
        self, process: SupervisedProcess, after_s: float, sent: signal.Signals, harder: signal.Signals
    ) -> Callable[[], None]:
        def escalate() -> None:
            if process.has_group():
                label = process.plan.label
                self._log.event(
                    "ERROR",
                    label,
                    f"process[{label}] failed to terminate '{after_s:g}' seconds after receiving '{sent.name}',"
                    f" escalating to '{harder.name}'",
                )
                process.signal(harder)

        return escalate

    @staticmethod
    def _timeout(value_s: float | None) -> float:
        return DEFAULT_TIMEOUT_S if value_s is None else value_s

    def _kill_all(self) -> None:
        """Leave nothing behind when the loop ends by an error of ours."""
        for process in self._processes:
            group = process.group
            if process.has_group():
                process.signal(signal.SIGKILL)
            self._tell_guardian("-", group)

    # -- surroundings ----------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _signals(self) -> Iterator[int]:
        """Turn signals into bytes on a pipe, and restore the handlers afterwards."""
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        old_wakeup = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        numbers = (*INTERRUPTS, signal.SIGCHLD)
        old_handlers = [signal.signal(number, lambda *_: None) for number in numbers]
        try:
            yield reading
        finally:
            for number, handler in zip(numbers, old_handlers, strict=True):
                signal.signal(number, handler)
            signal.set_wakeup_fd(old_wakeup)
            os.close(reading)
            os.close(writing)

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """Run the guardian beside us; it acts only if we die without closing its input in order."""
        program = Path(__file__).with_name("guardian.py")
        self._guardian = subprocess.Popen(
            [sys.executable, "-I", "-S", str(program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield
        finally:
            if self._guardian.stdin is not None:
                with contextlib.suppress(BrokenPipeError):
                    self._guardian.stdin.close()
            self._guardian.wait()

    def _tell_guardian(self, sign: str, group: int | None) -> None:
        if self._guardian is None or self._guardian.stdin is None or group is None:
            return
        # Without its guardian (somebody killed it) a launch goes on: the children are tied to us by the kernel too.
        with contextlib.suppress(BrokenPipeError):
            self._guardian.stdin.write(f"{sign}{group}\n".encode())
            self._guardian.stdin.flush()
