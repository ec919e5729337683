"""Benchmark `bringup`: the whole cell comes up and goes down again, over and over, and nothing of it may be left.

Every cycle starts the launch file with a supervisor, waits until the cell says that it is idle, lets it run for a
random moment, and interrupts the launcher once, as Ctrl-C does. Which processes belong to a cycle is known by a mark
in their environment, so that one which has left its parent and its session is found as well.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from cablecell.evaluation.bench import Progress, Rows, Summary, no_progress, summarise
from cablecell.evaluation.demo_cell import CellProcess
from cablecell.evaluation.demo_client import DemoClient

MARK = "CABLECELL_BENCH_MARK"
"""Variable in the environment of every process of a cycle."""

UP_LIMIT_S, DOWN_LIMIT_S = 15.0, 5.0
"""Longest bring-up and tear-down, s."""

_UP_DEADLINE_S = 90.0
_RUN_S = (0.0, 2.0)
"""How long the cell runs before it is ended, uniform, s: an end may meet a node that has only just begun."""

_ONE_INTERRUPT_S = (0.0, 30.0)
_UNCLEAN = re.compile(r"process has died|Traceback|failed to terminate")


def run(*, n: int, seed: int, workers: int, progress: Progress = no_progress) -> tuple[Rows, Summary]:
    """Cycle the cell.

    Args:
        n: Cycles, one after another.
        seed: Of the first cell and of the moments; others count on.
        workers: One cell runs at a time, whatever is said here.
        progress: Told after every cycle how many of how many are done.

    Returns:
        One row a cycle, and the summary: cycles that were in time and left nothing, and the times.
    """
    rng = np.random.default_rng([seed, 90_000])
    rows: Rows = []
    for index in range(n):
        rows.append({"cycle": index, "seed": seed + index, **_cycle(seed + index, float(rng.uniform(*_RUN_S)))})
        progress(len(rows), n)
    return rows, summarise_cycles(rows)


def summarise_cycles(rows: Rows) -> Summary:
    """Return how many cycles were in time, clean and complete, and the times."""
    summary: Summary = {"cycles": float(len(rows))}
    for key in ("is_up_in_time", "is_down_in_time", "is_clean"):
        summary[key.removeprefix("is_")] = float(sum(row[key] for row in rows))
    summary["orphans"] = float(sum(len(row["orphans"]) for row in rows))
    summary["segments_left"] = float(sum(row["segments_left"] for row in rows))
    for key in ("up_s", "down_s"):
        summary.update(summarise(rows, key))
        summary[f"{key.removesuffix('_s')}_max_s"] = max((row[key] for row in rows), default=float("nan"))
    return summary


def _cycle(seed: int, run_s: float) -> dict[str, object]:
    """Bring one cell up and down and return its row."""
    with tempfile.TemporaryDirectory() as folder, _marked(f"{os.getpid()}/{time.monotonic_ns()}") as mark:
        log = Path(folder) / "cell.log"
        begun_s = time.monotonic()
        cell = CellProcess(["cell.launch.xml", f"seed:={seed}"], log)
        client = DemoClient(cell.check)
        try:
            client.spin_until(client.is_ready, _UP_DEADLINE_S)
            up_s = time.monotonic() - begun_s
            client.spin_until(lambda: False, run_s)
            segments = _segments_of(mark)
        finally:
            client.close()
            ending_s = time.monotonic()
            has_ended = cell.stop(_ONE_INTERRUPT_S)
        down_s = time.monotonic() - ending_s
        orphans = processes_with(mark)
        segments_left = sum(path.exists() for path in segments)
        text = log.read_text(encoding="utf-8", errors="replace")
    return {
        "up_s": up_s,
        "run_s": run_s,
        "down_s": down_s,
        "is_up_in_time": up_s <= UP_LIMIT_S,
        "is_down_in_time": down_s <= DOWN_LIMIT_S,
        "is_clean": has_ended and not _UNCLEAN.search(text),
        "orphans": orphans,
        "segments_left": segments_left,
        "load": os.getloadavg()[0],
    }


@contextmanager
def _marked(mark: str) -> Iterator[str]:
    """Let the processes that are started meanwhile carry a mark."""
    os.environ[MARK] = mark
    try:
        yield mark
    finally:
        del os.environ[MARK]


def processes_with(mark: str) -> list[str]:
    """Return the living processes with a mark, each as its number and command line; this one is not among them."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            is_marked = wanted in (entry / "environ").read_bytes().split(b"\0")
            if is_marked and (entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z":
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                found.append(f"{entry.name} {command.strip()}")
        except OSError:
            continue  # it has just ended, or belongs to somebody else
    return found


def _segments_of(mark: str) -> set[Path]:
    """Return the segments of shared memory that the processes with a mark have open."""
    found: set[Path] = set()
    for line in processes_with(mark):
        try:
            maps = Path(f"/proc/{line.split()[0]}/maps").read_text(encoding="utf-8")
        except OSError:
            continue
        found |= {Path(name) for name in re.findall(r"/dev/shm/\S+", maps)}
    return found
