"""The cell as a child process: started by the launcher, watched, and ended whatever happens."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from cablecell.core.errors import ConfigurationError, SupervisionError

_PR_SET_PDEATHSIG = 1
# The launcher numbers its labels: `arm_controller-1`.
_DIED = re.compile(r"\[ERROR\] \[(?P<node>[^\]]+?)(-\d+)?\]: process has died \[pid \d+, exit code (?P<code>-?\d+)")
_FATAL = re.compile(r"^\[(?P<node>[^\]]+?)(-\d+)?\] \[FATAL\] \[[^\]]*\] \[[^\]]*\]: (?P<why>.*)$")
_EXIT_USAGE = 2

GENTLE_S = (0.0, 5.0, 8.0, 10.0)
"""When the launcher gets its first, second and third interrupt, and when it is killed, s after the stop began."""
AFTER_LOSS_S = (2.5, 4.0, 5.0, 6.0)
"""The same when the launcher is already ending the other nodes because one has died: the recording needs a moment."""
URGENT_S = (0.0, 1.8, 3.2, 4.2)
"""The same when a person waits: everything is gone within 5 s."""


class CellLostError(SupervisionError):
    """The cell ended, or a node of it died, while it was needed."""

    code = 611


class CellProcess:
    """The launcher of the cell in a session of its own.

    Ctrl-C of the terminal does not reach it; `stop` ends it. When this process dies without doing so, even by
    SIGKILL, the kernel sends the launcher SIGTERM, and the launcher ends the nodes.

    Args:
        words: Command line of the launcher: launch file and arguments.
        log: File for what the processes print.
    """

    def __init__(self, words: Sequence[str], log: Path) -> None:
        self._deaths: list[str] = []
        self._reasons: dict[str, str] = {}
        self._last_lines: list[str] = []
        self._log = log.open("w", encoding="utf-8", errors="replace")
        self._popen = subprocess.Popen(
            [sys.executable, "-m", "cablecell.composition.checked_launch", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=_end_with(os.getpid()),  # no threads of ours run yet
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def check(self) -> None:
        """Do nothing while all processes live.

        Raises:
            ConfigurationError: The launcher refused the launch file or its arguments (code 900).
            CellLostError: A node died, or the launcher ended (code 611); the message names the node, and why it
                ended where it said so.
        """
        if self._deaths:
            raise CellLostError(self._deaths[0])
        code = self._popen.poll()
        if code is None:
            return
        self._reader.join(1.0)
        if self._deaths:
            raise CellLostError(self._deaths[0])
        last = self._last_lines[-1] if self._last_lines else "it printed nothing"
        if code == _EXIT_USAGE:
            raise ConfigurationError(last)
        raise CellLostError(f"the cell ended with exit code {code}: {last}")

    def last_words(self) -> str:
        """Return what the first node that had to give up said; empty when none has."""
        for node, why in self._reasons.items():
            return f"node {node} gave up: {why}"
        return ""

    def stop(self, schedule_s: Sequence[float] = GENTLE_S) -> bool:
        """End all processes; return whether they went before the launcher had to be killed.

        Args:
            schedule_s: Times of the interrupts and of the kill, s from now.
        """
        begun_s = time.monotonic()
        for at_s in schedule_s[:-1]:
            if self._wait(begun_s + at_s):
                break
            with contextlib.suppress(ProcessLookupError):
                self._popen.send_signal(signal.SIGINT)
        has_ended = self._wait(begun_s + schedule_s[-1])
        if not has_ended:
            self._popen.kill()
            self._popen.wait()
        self._reader.join(1.0)
        self._log.close()
        return has_ended

    def _wait(self, until_s: float) -> bool:
        try:
            self._popen.wait(max(0.0, until_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            return False
        return True

    def _read(self) -> None:
        assert self._popen.stdout is not None
        with self._popen.stdout as stream:
            for line in stream:
                if self._log.closed:
                    return
                self._log.write(line)
                self._log.flush()
                if line.strip():
                    self._last_lines = [*self._last_lines[-4:], line.strip()]
                fatal = _FATAL.search(line)
                if fatal is not None:
                    self._reasons.setdefault(fatal["node"], fatal["why"])
                died = _DIED.search(line)
                if died is not None:
                    # What a node said before it ended tells more than that it ended.
                    why = self._reasons.get(died["node"])
                    said = "" if why is None else f": {why}"
                    self._deaths.append(f"node {died['node']} died ({_how(int(died['code']))}){said}")


def _how(code: int) -> str:
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"


def _end_with(parent: int) -> Callable[[], None]:
    """Return what the child does first: ask for SIGTERM when its parent dies."""
    library = ctypes.CDLL(None, use_errno=True)

    def prepare() -> None:
        library.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return prepare
