"""Start the whole cell through its launch file, and take it down again with nothing left."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from tests.support.graph import Process
from tests.support.marked import VARIABLE, left_behind
from tests.support.wait import PATIENCE

CABLECELL = Path(sys.prefix) / "bin" / "cablecell"
TAKE_DOWN_S = 5.0
"""Longest time of an orderly end on an idle machine."""


class MarkedProcess(Process):
    """A command whose descendants can all be found.

    Attributes:
        mark: Value of the variable they carry.
    """

    def __init__(self, folder: Path, *words: str | Path) -> None:
        self.mark = f"{folder}/{time.monotonic_ns()}"
        super().__init__(CABLECELL, *words, **{VARIABLE: self.mark})

    def left_behind(self) -> list[str]:
        """Return what is still running of it, a line each."""
        return left_behind(self.mark)


def launch_cell(folder: Path, *words: str) -> MarkedProcess:
    return MarkedProcess(folder, "launch", "cell.launch.xml", *words)


def take_down(launch: MarkedProcess) -> None:
    """Interrupt a launch as ctrl-c does, and check that it ends in order, in time and completely."""
    started_s = time.monotonic()
    launch.send(signal.SIGINT)
    assert launch.wait() == 0, launch.output
    assert time.monotonic() - started_s < TAKE_DOWN_S * _slowness(), launch.output
    assert launch.left_behind() == []
    assert "Traceback" not in launch.output, launch.output


def _slowness() -> float:
    """Return how much longer this machine needs now than an idle one: by what waits for its processors."""
    waiting = os.getloadavg()[0] / (os.cpu_count() or 1)
    return min(max(1.0, waiting), PATIENCE)
