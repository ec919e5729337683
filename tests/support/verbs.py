"""Run the verbs as a user does, against a small graph in a domain of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from typer.testing import CliRunner

from cablecell.ros.verbs import groups
from cablecell.ros.verbs.discovery import discovery_ports

ROOT = Path(__file__).parents[2]
FIRST_DOMAIN, LAST_DOMAIN = 10, 100
READY = "ready"
LIMIT_S = 30.0


def free_domain() -> int:
    """Return a ROS domain that nobody on this machine uses, a different one for different processes."""
    count = LAST_DOMAIN - FIRST_DOMAIN
    for offset in range(count):
        domain = FIRST_DOMAIN + (os.getpid() + offset) % count
        if not discovery_ports(domain):
            return domain
    raise RuntimeError(f"all ROS domains from {FIRST_DOMAIN} to {LAST_DOMAIN} are in use")


@dataclass(frozen=True)
class Outcome:
    """How a verb ended and what it printed."""

    returncode: int
    stdout: str
    stderr: str


class VerbRunner:
    """Starts graphs and verbs in one domain."""

    def __init__(self) -> None:
        self.environment = {
            **os.environ,
            "ROS_DOMAIN_ID": str(free_domain()),
            "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
            "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
            "PYTHONUNBUFFERED": "1",
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a verb and return the running process."""
        command = [sys.executable, "-m", "cablecell.ros.verbs", *arguments]
        return subprocess.Popen(
            command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, *arguments: str, stdin: str | None = None) -> Outcome:
        """Run a verb to its end, in this process, which saves the start of an interpreter."""
        module, attribute = groups()[arguments[0]].split(":")
        app = getattr(import_module(module), attribute)
        # A narrow terminal would break the lines of usage errors.
        done = CliRunner().invoke(app, arguments[1:], input=stdin, env={**self.environment, "COLUMNS": "250"})
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Outcome(done.exit_code, done.stdout, done.stderr)

    def output(self, *arguments: str, stdin: str | None = None) -> str:
        """Run a verb that has to succeed without a word on stderr, and return what it printed."""
        done = self.run(*arguments, stdin=stdin)
        assert (done.returncode, done.stderr) == (0, ""), f"{arguments}: {done}"
        return done.stdout

    def error(self, *arguments: str, code: int = 1) -> str:
        """Run a verb that has to fail without a word on stdout, and return its error."""
        done = self.run(*arguments)
        assert (done.returncode, done.stdout) == (code, ""), f"{arguments}: {done}"
        return done.stderr

    @contextmanager
    def graph(self, namespace: str = "/cell") -> Iterator[subprocess.Popen[str]]:
        """Run the test graph, from when it is complete until the end of the block."""
        command = [sys.executable, "-m", "tests.support.verbs_graph", namespace]
        process = subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, text=True)
        try:
            assert read_until(process, READY) is not None, "the test graph did not start"
            yield process
        finally:
            finish(process)


def read_until(process: subprocess.Popen[str], text: str) -> str | None:
    """Read the output of a process up to the line that holds `text`; None if it ends or does not come in time."""
    assert process.stdout is not None
    watchdog = threading.Timer(LIMIT_S, process.kill)
    watchdog.start()
    try:
        for line in process.stdout:
            if text in line:
                return line
        return None
    finally:
        watchdog.cancel()


def finish(process: subprocess.Popen[str], by: int = signal.SIGTERM) -> tuple[str, str]:
    """End a process with a signal and return the rest of its output; kill it if it does not end."""
    watchdog = threading.Timer(LIMIT_S, process.kill)
    watchdog.start()
    try:
        process.send_signal(by)
        # Not communicate(): that would miss what read_until has buffered.
        texts = [stream.read() if stream is not None else "" for stream in (process.stdout, process.stderr)]
        process.wait()
    finally:
        watchdog.cancel()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
    return texts[0], texts[1]


def wait_until_gone(runner: VerbRunner) -> None:
    """Wait until no process is left in the domain of the runner."""
    deadline = time.monotonic() + LIMIT_S
    while discovery_ports(int(runner.environment["ROS_DOMAIN_ID"])):
        assert time.monotonic() < deadline, "a process of the test graph is still there"
        time.sleep(0.05)
