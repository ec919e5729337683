"""Many jobs over a few processes, none of which is lost: a job whose process dies is named and the others go on.

The processes are spawned, so a job cannot depend on what another left behind in the parent. Each does one job at a time
and is told the next when it is done, so the order of the answers is not the order of the jobs.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import Any

_POLL_S = 0.5
_END_S = 2.0
"""Time a process is given to end by itself."""


@dataclass(frozen=True)
class Answer:
    """What became of one job.

    Attributes:
        index: Number of the job.
        value: What the function returned; None when it did not.
        fault: Why there is no value: an exception that the function let through, a process that died or took too long;
            empty when there is a value.
        is_crash: True when the process of the job died or was killed.
    """

    index: int
    value: Any = None
    fault: str = ""
    is_crash: bool = False


@dataclass
class _Worker:
    process: SpawnProcess
    connection: Connection
    job: int | None = None
    since: float = field(default_factory=time.monotonic)


def work_off(
    function: Callable[[Any, Any], Any],
    context: Any,
    jobs: Sequence[Any],
    workers: int,
    *,
    time_limit_s: float = 600.0,
) -> Generator[Answer, None, None]:
    """Yield an answer per job, in the order in which they are done.

    Closing the iterator, as an interrupt from the keyboard does, ends all processes.

    Args:
        function: Called as `function(context, job)` in a process; has to be importable by name.
        context: What all jobs have in common; sent once to every process.
        jobs: One argument per job.
        workers: Processes, at least one.
        time_limit_s: A job that takes longer is ended and named.
    """
    pending = list(range(len(jobs)))[::-1]
    team: list[_Worker] = []
    spawn = get_context("spawn")

    def start() -> _Worker:
        ours, theirs = spawn.Pipe()
        process = spawn.Process(target=_serve, args=(theirs, function, context), daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours)

    def hand_out(worker: _Worker) -> None:
        worker.job = pending.pop() if pending else None
        worker.since = time.monotonic()
        if worker.job is not None:
            worker.connection.send(jobs[worker.job])

    with contextlib.ExitStack() as ending:
        ending.callback(_dismiss, team)
        require_going_on = ending.enter_context(_interrupts())
        for _ in range(min(max(1, workers), len(jobs))):
            team.append(start())
            hand_out(team[-1])
        while any(worker.job is not None for worker in team):
            require_going_on()
            busy = {worker.connection: worker for worker in team if worker.job is not None}
            ready = wait(list(busy), timeout=_POLL_S)
            for connection in ready:
                worker = busy[connection]  # type: ignore[index]
                answer = _receive(worker)
                if answer.is_crash:
                    _end(worker)
                    team.remove(worker)
                    if pending:
                        team.append(start())
                        hand_out(team[-1])
                else:
                    hand_out(worker)
                yield answer
            for worker in [w for w in team if w.job is not None and time.monotonic() - w.since > time_limit_s]:
                job = worker.job
                assert job is not None
                worker.process.kill()
                _end(worker)
                team.remove(worker)
                if pending:
                    team.append(start())
                    hand_out(team[-1])
                yield Answer(job, fault=f"took longer than {time_limit_s:.0f} s and was ended", is_crash=True)


def _dismiss(team: list[_Worker]) -> None:
    """End all processes."""
    for worker in team:
        if worker.job is None:
            worker.connection.close()  # the process reads the end of the pipe and returns
        else:
            worker.process.terminate()
    for worker in team:
        _end(worker)


@contextlib.contextmanager
def _interrupts() -> Iterator[Callable[[], None]]:
    """Give what raises KeyboardInterrupt after an interrupt from the keyboard.

    The interpreter raises it wherever the main thread is, and where that is a finaliser it is lost.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    before = signal.getsignal(signal.SIGINT)
    is_interrupted = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal is_interrupted
        is_interrupted = True
        if callable(before):
            before(number, frame)

    def require_going_on() -> None:
        if is_interrupted:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, note)
    try:
        yield require_going_on
    finally:
        signal.signal(signal.SIGINT, before)


def _receive(worker: _Worker) -> Answer:
    """Return the answer of a process that has something to say, or that is dead."""
    assert worker.job is not None
    try:
        value, fault = worker.connection.recv()
    except (EOFError, OSError):
        worker.process.join(_END_S)
        code = worker.process.exitcode
        how = f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"
        return Answer(worker.job, fault=f"its process ended with {how}", is_crash=True)
    return Answer(worker.job, value, fault)


def _end(worker: _Worker) -> None:
    worker.process.join(_END_S)
    if worker.process.is_alive():
        worker.process.kill()
        worker.process.join()
    worker.connection.close()
    worker.process.close()


def _serve(connection: Connection, function: Callable[[Any, Any], Any], context: Any) -> None:
    """Do jobs until there are no more: the work of one process."""
    # An interrupt from the keyboard goes to the whole group; the parent decides what becomes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            job = connection.recv()
        except (EOFError, OSError):
            return
        try:
            connection.send((function(context, job), ""))
        except Exception as error:  # whatever it is, it belongs to this job and not to the batch
            connection.send((None, f"{type(error).__name__}: {error}"))
