"""The benchmark contract: seeded trials, raw rows, a flat summary in SI units, JSON with the machine described.

Each benchmark is a function `run(*, n, seed, workers)` that returns raw rows and a summary. The unit of a summary
value is the end of its key (`_s`, `_m`, `_n`, `_rad`, `_hz`, `_bytes`); a rate comes with n and a Wilson interval.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import platform
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Table

from cablecell.core.errors import ConfigurationError, WorkcellError
from cablecell.core.statistics import percentile as percentile
from cablecell.core.statistics import wilson_interval as wilson_interval
from cablecell.evaluation.bench_page import write_page

Rows = list[dict[str, Any]]
Summary = dict[str, float]
Progress = Callable[[int, int], None]
"""Told how many of how many trials are done."""


def no_progress(done: int, total: int) -> None:
    """Show nothing."""


BENCHMARKS: dict[str, tuple[str, str]] = {
    "bringup": (
        "cablecell.evaluation.bench_bringup:run",
        "the whole cell up and down, over and over: in time, in order, nothing left",
    ),
    "calibration": (
        "cablecell.evaluation.bench_calibration:run",
        "knocked cells that calibrate themselves: mounts, lenses, tip",
    ),
    "catch": ("cablecell.evaluation.bench_catch:run", "rims that catch plugs, from random starts at every clearance"),
    "clearance": ("cablecell.evaluation.bench_clearance:run", "insertions as the plug fits ever tighter"),
    "collision": ("cablecell.evaluation.bench_motion:run_collision", "full-scene collision checks"),
    "comparators": (
        "cablecell.evaluation.bench_comparators:run",
        "the skill beside simpler strategies: one connector, several errors, the same seeds",
    ),
    "contact": (
        "cablecell.evaluation.bench_contact:run",
        "contact found in motion: delay, false alarms, kinds of contact",
    ),
    "contact_states": (
        "cablecell.evaluation.bench_contact_states:run",
        "face, chamfer, one or two points, jammed, seated, latched: told against the true contacts",
    ),
    "control": ("cablecell.evaluation.bench_control:run", "stiffness, tracking, forces, stops of the controller"),
    "drift": ("cablecell.evaluation.bench_drift:run", "bumped boards and knocked cameras: found, named, measured"),
    "faults": (
        "cablecell.evaluation.bench_faults:run",
        "injected faults and kill -9 under the cell's supervision; arm, skill and parts are stand-ins",
    ),
    "faults_cell": (
        "cablecell.evaluation.bench_faults_cell:run",
        "transient faults of sensors and board at random instants of jobs in the running cell, with its physics",
    ),
    "health": ("cablecell.evaluation.bench_health:run", "faults of cameras and force sensor: found, and how soon"),
    "health_cell": (
        "cablecell.evaluation.bench_health_cell:run",
        "the same in a running cell, motions and board included",
    ),
    "ik": ("cablecell.evaluation.bench_ik:run_ik", "inverse kinematics: all branches of random poses"),
    "insertion": (
        "cablecell.evaluation.bench_insertion:run",
        "the sample trials or a scenario, with an error model",
    ),
    "kills": (
        "cablecell.evaluation.bench_kills:run",
        "kill -9 of the supervisor of a working cell; estimator, skill and ports are stand-ins",
    ),
    "observe": (
        "cablecell.evaluation.bench_observe:run",
        "the action observe in a running cell: how long it takes, where the time goes, what it leaves",
    ),
    "perception": ("cablecell.evaluation.bench_perception:run", "port poses from camera images against the truth"),
    "physics": ("cablecell.evaluation.bench_physics:run", "contact forces and dynamics against closed forms"),
    "planning": (
        "cablecell.evaluation.bench_planning:run_planning",
        "collision-free motions, a committed set of problems",
    ),
    "plugtouch": (
        "cablecell.evaluation.bench_plug_touch:run",
        "the tip of a plug that no camera sees, found by touching a block",
    ),
    "rubric": (
        "cablecell.evaluation.bench_insertion:run_seeing",
        "randomised SFP and SC trials, port and plug found by the cameras, scored by the AIC rubric",
    ),
    "sim": ("cablecell.evaluation.bench_sim:run", "speed and repeatability of the simulated machine"),
    "startup": ("cablecell.evaluation.bench_startup:run", "import, bring-up and memory of the link nodes"),
    "timing": ("cablecell.evaluation.bench_motion:run_timing", "jerk-limited timing of joint paths and lines"),
    "touch": ("cablecell.evaluation.bench_touch:run", "a port 5 mm off, found by touching it alone"),
    "tf2": ("cablecell.evaluation.bench_tf2:run", "transform lookups and the cost of a 500 Hz listener"),
}


class BenchOptionError(ConfigurationError):
    """A benchmark was given an option that it does not take; nothing was run."""

    code = 912


def run_from_cli(
    name: str, *, n: int, seed: int, workers: int, json_file: str, options: Mapping[str, Any] | None = None
) -> int:
    """Run one benchmark, print its summary, write its JSON; return the exit code.

    Args:
        name: Name in `BENCHMARKS`, or `list`.
        n: Number of trials.
        seed: Seed of everything random.
        workers: Processes that run trials.
        json_file: Where to write the result, with a page of its figures beside it where the module of the benchmark
            has `figures`; empty for nowhere.
        options: What only some benchmarks take, such as a scenario file; a benchmark that does not know it refuses.
    """
    console = Console(highlight=False)
    if name == "list":
        for known, (_, purpose) in BENCHMARKS.items():
            console.print(f"{known:<12} {purpose}", markup=False, soft_wrap=True)
        return 0
    if name not in BENCHMARKS:
        line = f"no benchmark '{name}'; there are {', '.join(BENCHMARKS)}"
        Console(stderr=True).print(line, markup=False, soft_wrap=True)
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended either way, what was measured is kept
    try:
        with _shown(name) as progress:
            result = run(name, n=n, seed=seed, workers=workers, options=options, progress=progress)
    except WorkcellError as error:
        Console(stderr=True).print(str(error), markup=False, soft_wrap=True)
        return 2
    module = importlib.import_module(BENCHMARKS[name][0].partition(":")[0])
    shown, table_of = result["summary"], getattr(module, "table", None)
    title = f"{name}: n = {n}, seed = {seed}"
    if table_of is not None:
        rows = table_of(result["results"])
        rows.title, rows.title_justify = title, "left"
        console.print(rows)
        shown, title = {key: shown[key] for key in ("checks", "passed", "pass_rate") if key in shown}, ""
    table = Table(box=None, pad_edge=False, title=title, title_justify="left")
    table.add_column("summary")
    table.add_column("value", justify="right")
    for key, value in shown.items():
        table.add_row(key, f"{value:.6g}")
    if shown:
        console.print(table)
    if json_file:
        Path(json_file).write_text(json.dumps(result, indent=2), encoding="utf-8")
        figures = getattr(module, "figures", None)
        if figures is not None:
            page = Path(json_file).with_suffix(".html")
            given, of_runs = options or {}, getattr(module, "scenarios", None)
            failures = None
            if of_runs is not None:
                from cablecell.evaluation.gallery import make_gallery

                scenarios = of_runs(
                    name, **{k: v for k, v in given.items() if k in inspect.signature(of_runs).parameters}
                )
                failures = make_gallery(result["results"], scenarios, page.with_name(f"{page.stem}_failures"))
            tables_of = getattr(module, "grids", None)
            tables = [] if tables_of is None else tables_of(result["results"])
            write_page(page, result, figures(name, result["results"]), tables, failures)
            console.print(f"figures: {page}", markup=False, soft_wrap=True)
    return 0


@contextmanager
def _shown(name: str) -> Iterator[Progress]:
    """Show how far a benchmark is on stderr: a bar in a terminal, a line now and then in a file."""
    console = Console(stderr=True, highlight=False)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    bar = Bar(*columns, console=console, transient=True, disable=not console.is_terminal)
    with bar:
        task = bar.add_task(name, total=None, visible=False)

        def progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, visible=True)
            if not console.is_terminal and done % max(1, total // 20) == 0:
                console.print(f"{name}: {done} of {total}", markup=False, soft_wrap=True)

        yield progress


def run(
    name: str,
    *,
    n: int,
    seed: int,
    workers: int,
    options: Mapping[str, Any] | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Run one benchmark and return what its JSON file holds; one that is told `progress` may be interrupted.

    Raises:
        KeyError: There is no benchmark of this name.
        BenchOptionError: It does not take one of the options (code 912).
    """
    module, _, function_name = BENCHMARKS[name][0].partition(":")
    function = getattr(importlib.import_module(module), function_name)
    given = dict(options or {})
    taken = inspect.signature(function).parameters
    for option in given:
        if option not in taken:
            valid = ", ".join(f"--{one}" for one in ("scenario", "connector", "soak") if one in taken) or "none"
            raise BenchOptionError(
                f"benchmark '{name}' does not take --{option}; of these it takes {valid}",
                quantity=option,
                value=given[option],
                limit=valid,
            )
    begun = time.monotonic()
    watched = {"progress": progress} if "progress" in taken else {}
    rows, summary = function(n=n, seed=seed, workers=workers, **given, **watched)
    return {
        "name": name,
        "version": version("cablecell"),
        "machine": describe_machine(),
        "settings": {
            "n": n,
            "seed": seed,
            "workers": workers,
            **{key: str(value) for key, value in given.items()},
            "duration_s": time.monotonic() - begun,
        },
        "results": rows,
        "summary": summary,
    }


def describe_machine() -> dict[str, Any]:
    """Return what a reader needs to compare numbers from two machines."""
    model = platform.processor()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    except OSError:
        pass  # not Linux: the platform's own word has to do
    return {
        "processor": model,
        "blas": _blas(),
        "cores": os.cpu_count(),
        "load_1min": os.getloadavg()[0],
        "system": platform.platform(),
        "python": platform.python_version(),
        "ros_distro": os.environ.get("ROS_DISTRO", ""),
    }


def _blas() -> str:
    """Return the library of linear algebra and the kernels it chose for this processor: they decide the last bit."""
    told: Any = np.show_config(mode="dicts")
    return str(told.get("Build Dependencies", {}).get("blas", {}).get("openblas configuration", "not told"))


def summarise(rows: Sequence[Mapping[str, Any]], key: str) -> Summary:
    """Return median, 95th and 99th percentile of one column, under keys that keep the unit at the end."""
    values = [float(row[key]) for row in rows]
    stem, _, unit = key.rpartition("_")
    return {
        f"{stem}_{statistic}_{unit}": percentile(values, fraction)
        for statistic, fraction in (("median", 0.5), ("p95", 0.95), ("p99", 0.99))
    }
