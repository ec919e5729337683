"""One supervised process: start, output, signals to its whole group, end."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pty
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from cablecell.launcher.log import LaunchLog
from cablecell.launcher.parameters import ParameterText
from cablecell.launcher.plan import ProcessPlan

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
#: Signals to the launcher that end the launch.
INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_READ_SIZE = 65536
_MAX_DRAIN_READS = 32
_LIBC = ctypes.CDLL(None, use_errno=True)


def _before_program(parent: int, mask: set[signal.Signals | int]) -> Callable[[], None]:
    """Return what a child does before it runs its program.

    It asks the kernel for SIGTERM when the launcher dies, and takes signals by itself: until here it has the handlers
    of the launcher, which would report a signal to the launcher.
    """

    def prepare() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)
        for number in INTERRUPTS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    return prepare


def adopt_orphans(adopt: bool) -> None:
    """Make the kernel hand us what our children leave behind (instead of process 1), so that we can see it end."""
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, int(adopt))


def group_exists(group: int) -> bool:
    """Tell whether a process group, whose first process has been waited for, still has running members."""
    try:
        while os.waitpid(-group, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass  # none of its members is ours (yet): it may still be the child of another member
    try:
        os.killpg(group, 0)
    except OSError:
        return False
    return True


class _Stream:
    """An output pipe of a process, cut into lines."""

    def __init__(self, name: str, descriptor: int) -> None:
        self.name = name
        self.descriptor = descriptor
        self._rest = b""
        os.set_blocking(descriptor, False)

    def read(self) -> list[str] | None:
        """Return the complete lines of the next piece, or None at the end of the stream.

        Raises:
            BlockingIOError: Nothing to read now.
        """
        try:
            data = os.read(self.descriptor, _READ_SIZE)
        except BlockingIOError:
            raise
        except OSError:  # a pseudo terminal whose other side is closed
            return None
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [self._decode(line) for line in lines] if data else None

    def finish(self) -> str | None:
        """Return the last line if it had no end."""
        rest, self._rest = self._rest, b""
        return self._decode(rest) if rest else None

    @staticmethod
    def _decode(line: bytes) -> str:
        return line.removesuffix(b"\r").decode(errors="replace")


class SupervisedProcess:
    """A process of the plan, over all its restarts.

    Attributes:
        plan: What to run.
        command: The command line, once started.
        group: Process group of the last start, which is the process id of the child; None when there is none any more.
        restarts: How often it has been started again.
        exit_code: Of the last run; negative for a signal; None while it runs.
    """

    def __init__(self, plan: ProcessPlan, log: LaunchLog) -> None:
        self.plan = plan
        self.command: list[str] = []
        self.group: int | None = None
        self.restarts = 0
        self.exit_code: int | None = None
        self._log = log
        self._child: subprocess.Popen[bytes] | None = None
        self._streams: list[_Stream] = []

    @property
    def running(self) -> bool:
        """True from the start until the end of the child was noticed."""
        return self._child is not None

    @property
    def descriptors(self) -> list[int]:
        """File descriptors to wait on for output."""
        return [stream.descriptor for stream in self._streams]

    def start(self) -> None:
        """Start the process in a session of its own; what an earlier run has left behind is killed before.

        Raises:
            OSError: The program cannot be run.
        """
        if self.has_group():
            self.signal(signal.SIGKILL)
        if not self.command:
            self.command = [
                self._write(part) if isinstance(part, ParameterText) else part for part in self.plan.command
            ]
        outputs, ours = self._open_outputs()
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
        try:
            self._child = subprocess.Popen(
                " ".join(self.command) if self.plan.shell else self.command,
                shell=self.plan.shell,
                stdin=subprocess.PIPE,
                stdout=outputs[0],
                stderr=outputs[1],
                cwd=self.plan.directory,
                env=self.plan.environment,
                start_new_session=True,
                preexec_fn=_before_program(os.getpid(), mask),  # the launcher has no threads
            )
        except BaseException:
            for descriptor in ours:
                os.close(descriptor)
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            for descriptor in outputs:
                os.close(descriptor)
        self._streams = [_Stream(name, descriptor) for name, descriptor in zip(("stdout", "stderr"), ours, strict=True)]
        self.exit_code = None
        self.group = self._child.pid
        self._log.event("INFO", self.plan.label, f"process started with pid [{self.group}]")

    def read(self, descriptor: int) -> bool:
        """Pass on what a stream has; return False when it is closed (and forgotten here)."""
        stream = next(stream for stream in self._streams if stream.descriptor == descriptor)
        is_open = self._pass_on(stream)
        if not is_open:
            self._close(stream)
        return is_open

    def poll(self) -> bool:
        """Notice the end of the child; return True once, when it has just ended. Its streams are drained then."""
        if self._child is None or self._child.poll() is None:
            return False
        pid, self.exit_code = self._child.pid, self._child.returncode
        if self._child.stdin is not None:
            self._child.stdin.close()
        self._child = None
        for stream in list(self._streams):
            self._drain(stream)
            self._close(stream)
        if self.exit_code == 0:
            self._log.event("INFO", self.plan.label, f"process has finished cleanly [pid {pid}]")
        else:
            command = " ".join(part for part in self.command if part.strip())
            self._log.event(
                "ERROR", self.plan.label, f"process has died [pid {pid}, exit code {self.exit_code}, cmd '{command}']."
            )
        return True

    def has_group(self) -> bool:
        """Tell whether the child, or anything it has started in its group, is still there.

        A group that has been found empty is forgotten: its number may be given to somebody else.
        """
        if self.group is not None and not self.running and not group_exists(self.group):
            self.group = None
        return self.group is not None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the whole process group."""
        if self.group is None:
            return
        self._log.event("INFO", self.plan.label, f"sending signal '{number.name}' to process[{self.plan.label}]")
        try:
            os.killpg(self.group, number)
        except ProcessLookupError:
            return  # it has ended in the meantime, which is what the signal was for

    def _open_outputs(self) -> tuple[list[int], list[int]]:
        """Return the descriptors for the child's stdout and stderr, and our reading ends."""
        pairs = self._open_terminals() or [os.pipe() for _ in range(2)]
        return [pair[1] for pair in pairs], [pair[0] for pair in pairs]

    def _open_terminals(self) -> list[tuple[int, int]]:
        """Return a pair of pseudo terminals where they are asked for and the machine has any."""
        if not self.plan.emulate_tty:
            return []
        try:
            return [pty.openpty() for _ in range(2)]
        except OSError as error:
            # Containers are often built without them; a process without colours is better than none.
            self._log.event("WARNING", self.plan.label, f"no pseudo terminal on this machine ({error}): using pipes")
            return []

    def _pass_on(self, stream: _Stream) -> bool:
        """Log the next piece of a stream; return False at its end."""
        lines = stream.read()
        for line in lines or ():
            self._log.output(self.plan.label, stream.name, self.plan.output, line)
        return lines is not None

    def _drain(self, stream: _Stream) -> None:
        """Pass on what is in the pipe now, but not what a grandchild that holds it open goes on to write."""
        with contextlib.suppress(BlockingIOError):
            for _ in range(_MAX_DRAIN_READS):
                if not self._pass_on(stream):
                    return

    def _close(self, stream: _Stream) -> None:
        rest = stream.finish()
        if rest is not None:
            self._log.output(self.plan.label, stream.name, self.plan.output, rest)
        os.close(stream.descriptor)
        self._streams.remove(stream)

    def _write(self, content: ParameterText) -> str:
        """Write a parameter file into the log folder, where it can be read after the run."""
        number = len(list(self._log.directory.glob("launch_params_*")))
        path: Path = self._log.directory / f"launch_params_{self.plan.label}_{number}.yaml"
        path.write_text(content.text)
        return str(path)
