"""What a launch will do: processes, messages and shutdowns, each at a time after the start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from cablecell.launcher.errors import Location
from cablecell.launcher.parameters import ParameterText

#: Where the output of a process may go, by the value of its `output` attribute: (stdout, stderr) destinations.
OUTPUT_MODES: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "screen": (frozenset({"screen"}), frozenset({"screen"})),
    "log": (frozenset({"log"}), frozenset({"log", "screen"})),
    "both": (frozenset({"log", "screen"}), frozenset({"log", "screen"})),
    "own_log": (frozenset({"own_log"}), frozenset({"own_log"})),
    "full": (frozenset({"screen", "log", "own_log"}), frozenset({"screen", "log", "own_log"})),
}


@dataclass(frozen=True)
class ProcessPlan:
    """One process to start.

    Attributes:
        label: Unique name in the output, `<name>-<number>`.
        command: Arguments; a `ParameterText` stands for a file that is written before the start.
        environment: The complete environment.
        directory: Working directory, or None for the one of the launcher.
        output: Key of `OUTPUT_MODES`.
        shell: Run the joined command in a shell.
        emulate_tty: Give it pseudo terminals for its output.
        respawn: Start it again when it ends.
        respawn_delay_s: Pause before that.
        respawn_max_retries: How often, < 0 for no limit.
        shutdown_on_exit: End the whole launch when it ends.
        sigterm_timeout_s: Time from SIGINT to SIGTERM, None for the default of the launch.
        sigkill_timeout_s: Time from SIGTERM to SIGKILL, None for the default of the launch.
    """

    label: str
    command: tuple[str | ParameterText, ...]
    environment: Mapping[str, str]
    where: Location
    directory: Path | None = None
    output: str = "log"
    shell: bool = False
    emulate_tty: bool = False
    respawn: bool = False
    respawn_delay_s: float = 0.0
    respawn_max_retries: int = -1
    shutdown_on_exit: bool = False
    sigterm_timeout_s: float | None = None
    sigkill_timeout_s: float | None = None


@dataclass(frozen=True)
class MessagePlan:
    """A line of a `<log>` element."""

    message: str


@dataclass(frozen=True)
class ShutdownPlan:
    """A `<shutdown>` element."""

    reason: str


Action: TypeAlias = ProcessPlan | MessagePlan | ShutdownPlan


@dataclass(frozen=True)
class Step:
    """One action at a time after the start of the launch, s."""

    at_s: float
    action: Action


@dataclass(frozen=True)
class LaunchPlan:
    """Everything a launch will do, in order, and what the user should know before."""

    steps: tuple[Step, ...]
    warnings: tuple[str, ...]

    @property
    def processes(self) -> list[ProcessPlan]:
        """The processes in the order of their start."""
        return [step.action for step in self.steps if isinstance(step.action, ProcessPlan)]
