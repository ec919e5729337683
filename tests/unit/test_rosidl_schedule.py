"""Tasks that need each other, in a pool of processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import rosidl_pip
from rosidl_pip.schedule import Task, run_tasks

# A child process uses the same copy of the backend as this one, installed or not.
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(rosidl_pip.__file__).parents[1])}

# The pool forks, and forking a process with threads (a test session may have some) is not what a build does.
PROGRAM = """
import pathlib, random, sys
from rosidl_pip.schedule import Task, run_tasks

log = pathlib.Path(sys.argv[1])

def run(name):
    if name == sys.argv[2]:
        raise KeyError(name)
    with log.open("a") as stream:
        stream.write(name + "\\n")

generator = random.Random(3)
names = [f"t{index}" for index in range(40)]
tasks = [Task(n, run, (n,), frozenset(generator.sample(names[:i], min(i, 4)))) for i, n in enumerate(names)]
try:
    run_tasks(tasks, workers=3)
except KeyError as error:
    print("failed", error)
order = log.read_text().split()
for task in tasks:
    if task.name in order:
        assert all(order.index(need) < order.index(task.name) for need in task.needs), task
print(len(order))
"""


def run_program(*arguments: str) -> list[str]:
    return run_code(PROGRAM, *arguments).stdout.split()


def run_code(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False)


def test_every_task_runs_once_and_after_those_it_needs(tmp_path) -> None:
    assert run_program(str(tmp_path / "log"), "none") == ["40"]


def test_failure_is_raised_and_nothing_that_needs_it_runs(tmp_path) -> None:
    first, error, count = run_program(str(tmp_path / "log"), "t5")
    assert (first, error) == ("failed", "'t5'")
    assert 5 <= int(count) < 39


def test_killed_worker_is_reported_with_what_it_did() -> None:
    program = "import os; from rosidl_pip.schedule import *; run_tasks([Task('compile x', os._exit, (9,))], 2)"
    expected = "WorkerError: A worker process was killed during one of: compile x."
    assert expected in run_code(program).stderr


def test_task_must_come_after_those_it_needs() -> None:
    with pytest.raises(ValueError, match=r"Task 'a' needs \['b'\], not listed before it"):
        run_tasks([Task("a", print, (), frozenset({"b"})), Task("b", print, ())], workers=1)
