"""What a person sees while the demo runs: a live display on a terminal, plain lines everywhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text


@dataclass(frozen=True)
class Progress:
    """Where a trial is.

    Attributes:
        trial: Name of the trial.
        step: What the job is doing, empty when unknown.
        phase: Phase of the insertion.
        reason: Why the phase was entered.
        elapsed_s: Time since the start of the trial, s.
        depth_m: Depth of the tip below the entrance, m; None when unknown.
    """

    trial: str
    step: str
    phase: str
    reason: str
    elapsed_s: float
    depth_m: float | None


class View(Protocol):
    """Receives what happens."""

    def say(self, text: str) -> None:
        """Show a line that stays."""

    def show(self, progress: Progress) -> None:
        """Show where the running trial is; called often."""

    def finish(self, line: str) -> None:
        """Show how the running trial ended."""

    def close(self) -> None:
        """Leave the screen in order."""


class LineView:
    """One line per event, with the time since the start.

    Args:
        stream: Where to write.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._begun_s = time.monotonic()
        self._last: tuple[str, str] = ("", "")

    def say(self, text: str) -> None:
        """Write a line."""
        self._stream.write(f"[{time.monotonic() - self._begun_s:7.2f} s] {text}\n")
        self._stream.flush()

    def show(self, progress: Progress) -> None:
        """Write a line when step or phase have changed."""
        if (progress.step, progress.phase) == self._last:
            return
        self._last = (progress.step, progress.phase)
        depth = "" if progress.depth_m is None else f", depth {1e3 * progress.depth_m:+.1f} mm"
        reason = f": {progress.reason}" if progress.reason else ""
        where = " ".join(word for word in (progress.trial, progress.step, progress.phase) if word)
        self.say(f"  {where} at {progress.elapsed_s:.1f} s{depth}{reason}")

    def finish(self, line: str) -> None:
        """Write how the trial ended."""
        self._last = ("", "")
        self.say(line)

    def close(self) -> None:
        """Nothing to tidy."""


class TerminalView:
    """A display that changes in place.

    Args:
        console: The terminal.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._spinner = Spinner("dots", text=Text("starting"))
        self._live = Live(self._spinner, console=console, refresh_per_second=10, transient=True)
        self._live.start()

    def say(self, text: str) -> None:
        """Print a line above the display, and repeat it beside the spinner."""
        self._live.console.print(text, markup=False, highlight=False)
        self._spinner.update(text=Text(""))
        self._live.update(self._spinner)

    def show(self, progress: Progress) -> None:
        """Update the display."""
        title = Text.assemble(
            (progress.trial, "bold"),
            f"  {progress.elapsed_s:5.1f} s  ",
            (progress.step, "cyan"),
            "  ",
            (progress.phase, "bold green"),
        )
        if progress.depth_m is not None:
            title.append(f"   depth {1e3 * progress.depth_m:+7.1f} mm")
        self._spinner.update(text=title)
        self._live.update(Group(self._spinner, Text(f"  {progress.reason}", style="dim", no_wrap=True)))

    def finish(self, line: str) -> None:
        """Print how the trial ended."""
        self.say(line)

    def close(self) -> None:
        """Take the display away."""
        self._live.stop()


def open_view(*, is_headless: bool) -> View:
    """Return the display for a terminal, or plain lines where there is none or none is wanted."""
    console = Console(highlight=False)
    if is_headless or not console.is_terminal:
        return LineView()
    return TerminalView(console)


def result_table(rows: Sequence[dict[str, Any]]) -> Table:
    """Return the table of the results."""
    table = Table(box=None, pad_edge=False, title="score: AIC rubric, our PyBullet cell", title_justify="left")
    for name in ("trial", "target", "seated"):
        table.add_column(name)
    for name in ("cycle s", "peak force N", "depth mm", "score", "off-limit contacts"):
        table.add_column(name, justify="right")
    table.add_column("outcome")
    for row in rows:
        table.add_row(
            row["trial"],
            row["target"],
            "yes" if row["seated"] else "NO",
            number(row["cycle_s"], 1.0, 1),
            number(row["peak_force_n"], 1.0, 2),
            number(row["depth_m"], 1e3, 2),
            number(row["score"], 1.0, 1),
            str(row["offlimit_contacts"]),
            row["outcome"],
        )
    return table


def number(value: float | None, scale: float, digits: int) -> str:
    """Return a scaled number as text; a dash when there is none."""
    return "-" if value is None else f"{value * scale:.{digits}f}"
