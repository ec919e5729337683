"""What `./cell test` does: the gates (style, types, layering, spelling, packages), then the test suite."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from cablecell.installation.system import provide_browser

ROOT = Path(__file__).resolve().parents[3]

GATES: dict[str, tuple[str, ...]] = {
    "format": ("ruff", "format", "--check", "."),
    "lint": ("ruff", "check", "."),
    "types": ("mypy",),
    "layering": ("lint-imports",),
    "spelling": ("codespell", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs", "src", "interfaces", "rospip"),
    "packages": ("python", "-m", "pip", "check"),
}


SUITES: dict[str, tuple[str, ...]] = {
    "laws and units": ("tests/unit", "tests/property"),
    "simulation": ("tests/sim",),
    "nodes and launch files": ("tests/contract", "tests/launch", "tests/ros", "tests/system"),
}
"""Tests that do not mind other work on the machine; those in real time run after them, alone."""

BESIDE = 2
"""How many suites run at a time."""

PYTEST_LIMIT_S = 2400.0
"""Longest run of pytest; the longest one takes a quarter of it."""


@dataclass(frozen=True)
class GateResult:
    """Outcome of one gate.

    Attributes:
        name: Name in `GATES`.
        passed: Whether its exit code was 0.
        output: What it printed.
        duration_s: Wall time, s.
    """

    name: str
    passed: bool
    output: str
    duration_s: float


def run(pytest_arguments: Sequence[str]) -> int:
    """Run the gates and the tests, or only the tests asked for; return the exit code.

    Args:
        pytest_arguments: Passed to pytest as they are, but for `--docker`, which asks for the tests that build and run
            the container image. When there are any, the gates are left out.
    """
    if not (ROOT / "tests").is_dir():
        Console(stderr=True).print("cell test needs a checkout: this installation has no tests folder", markup=False)
        return 2
    failed = [] if pytest_arguments else [result.name for result in run_gates() if not result.passed]
    console = Console(stderr=True)
    if pytest_arguments:
        words = [w for word in pytest_arguments for w in (("-m", "docker") if word == "--docker" else (word,))]
        return _run_pytest(words)
    provide_browser(lambda line: console.print(f"cell: {line}", markup=False, soft_wrap=True))
    codes = _run_beside(SUITES)
    codes |= {file: _run_pytest(("-m", "cell", file)) for file in _real_time_files()}
    code = max(codes.values())
    if code:  # what failed may stand a thousand lines above
        bad = ", ".join(name for name, its_code in codes.items() if its_code)
        console.print(f"tests failed: {bad}", style="red", markup=False, soft_wrap=True)
    if failed:
        console.print(f"gates failed: {', '.join(failed)}", style="red", markup=False)
        return code or 1
    return code


def _run_beside(suites: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Run suites beside each other and return their exit codes; the first is seen at work, the others at their end."""
    with ThreadPoolExecutor(max_workers=BESIDE) as pool:
        runs = {
            name: pool.submit(_run_pytest, folders, is_quiet=number > 0)
            for number, (name, folders) in enumerate(suites.items())
        }
        return {name: run.result() for name, run in runs.items()}


def _real_time_files() -> list[str]:
    """Return the files with tests of the running cell.

    Each runs in a process of its own: participants that an earlier file left in the middleware keep threads and
    sockets, and after some dozens of them discovery takes seconds.

    Raises:
        RuntimeError: pytest cannot collect them.
    """
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", "cell"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": ""}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"pytest cannot collect the tests of the running cell:\n{done.stdout}{done.stderr}")
    return list(dict.fromkeys(line.partition("::")[0] for line in done.stdout.splitlines() if "::" in line))


def _run_pytest(words: Sequence[str], *, is_quiet: bool = False) -> int:
    """Run pytest and return its exit code; a run that hangs is ended and fails. Quiet ones are printed at their end."""
    command = [sys.executable, "-m", "pytest", *words]
    output = subprocess.PIPE if is_quiet else None
    try:
        environ = {**os.environ, "PYTHONPATH": ""}
        done = subprocess.run(
            command, cwd=ROOT, env=environ, check=False, timeout=PYTEST_LIMIT_S, stdout=output, stderr=output, text=True
        )
    except subprocess.TimeoutExpired as ended:
        printed = (ended.stdout or b"") if is_quiet else b""
        sys.stdout.write(printed.decode(errors="replace") if isinstance(printed, bytes) else printed)
        Console(stderr=True).print(f"pytest did not end within {PYTEST_LIMIT_S:.0f} s", style="red", markup=False)
        return 1
    if is_quiet:
        sys.stdout.write(done.stdout)
        sys.stdout.flush()  # what comes next writes past Python
        sys.stderr.write(done.stderr)
    return done.returncode


def run_gates() -> list[GateResult]:
    """Run every gate, two at a time, print one line each and the output of those that fail."""
    console = Console(highlight=False)
    results = []
    with ThreadPoolExecutor(max_workers=2) as pool:
        for result in pool.map(_run_gate, GATES):
            results.append(result)
            verdict = "ok" if result.passed else "FAILED"
            console.print(f"{result.name:<10} {verdict:<7} {result.duration_s:6.1f} s", markup=False)
            if not result.passed:
                console.print(result.output, markup=False)
    return results


def _run_gate(name: str) -> GateResult:
    words = list(GATES[name])
    words[0] = str(Path(sys.prefix) / "bin" / words[0])
    begun = time.monotonic()
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    return GateResult(name, done.returncode == 0, done.stdout + done.stderr, time.monotonic() - begun)
