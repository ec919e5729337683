"""Runs the launcher as a process of its own and watches the processes below it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.launch_corpus import launcher_environment

_STARTED = re.compile(r"\[INFO\] \[(\S+)\]: process started with pid \[(\d+)\]")


def wait_until(condition: Callable[[], Any], timeout_s: float, what: str) -> Any:
    """Wait for a condition and return its value; fail with `what` after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {timeout_s} s: {what}")


def is_running(pid: int) -> bool:
    """Tell whether a process exists and is not a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def guardian_of(launcher: int) -> int:
    """Return the pid of the guardian of a launcher."""

    def find() -> int | None:
        for child in Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split():
            if b"guardian.py" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
        return None

    return int(wait_until(find, 5.0, "the guardian runs"))


class Launch:
    """A launcher that runs the elements given to it.

    Args:
        folder: Where the launch file, the screen and the logs go.
        elements: What stands inside `<launch>`.
        arguments: Further words of the command line.
        environment: Variables to set.
    """

    def __init__(
        self, folder: Path, elements: str, arguments: list[str] | None = None, environment: dict[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.file = folder / "test.launch.xml"
        self.file.write_text(f"<launch>\n{elements}\n</launch>\n")
        self._screen = folder / "screen.txt"
        with self._screen.open("w") as screen:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cablecell.launcher", str(self.file), *(arguments or [])],
                env={**launcher_environment(folder, folder / "log"), **(environment or {})},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=screen,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def screen(self) -> str:
        """What the launcher has printed so far."""
        return self._screen.read_text()

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by label, of the last start."""
        return {label: int(pid) for label, pid in _STARTED.findall(self.screen)}

    def wait_for(self, text: str, timeout_s: float = 15.0) -> None:
        """Wait until the screen holds a text."""
        wait_until(lambda: text in self.screen, timeout_s, f"{text!r} on the screen:\n{self.screen}")

    def wait_started(self, count: int, timeout_s: float = 15.0) -> dict[str, int]:
        """Wait until `count` processes have been started and return their pids."""
        wait_until(lambda: len(self.pids) >= count, timeout_s, f"{count} processes started:\n{self.screen}")
        return self.pids

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> None:
        """Send a signal to the launcher alone."""
        self.process.send_signal(number)

    def wait(self, timeout_s: float = 20.0) -> int:
        """Wait for the end of the launcher and return its exit code."""
        return self.process.wait(timeout_s)

    def close(self) -> None:
        """Kill whatever is left."""
        for pid in [self.process.pid, *self.pids.values()]:
            try:
                os.killpg(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait()
