"""Tasks that need each other, in a pool of processes."""

from __future__ import annotations

import subprocess
import sys

import pytest
from rosidl_pip.schedule import Task, run_tasks

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
    command = [sys.executable, "-c", PROGRAM, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.split()


def test_every_task_runs_once_and_after_those_it_needs(tmp_path) -> None:
    assert run_program(str(tmp_path / "log"), "none") == ["40"]


def test_failure_is_raised_and_nothing_that_needs_it_runs(tmp_path) -> None:
    first, error, count = run_program(str(tmp_path / "log"), "t5")
    assert (first, error) == ("failed", "'t5'")
    assert 5 <= int(count) < 39


def test_killed_worker_is_reported_with_what_it_did() -> None:
    program = "import os; from rosidl_pip.schedule import *; run_tasks([Task('compile x', os._exit, (9,))], 2)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert "WorkerError: A worker process was killed during one of: compile x." in result.stderr


def test_task_must_come_after_those_it_needs() -> None:
    with pytest.raises(ValueError, match=r"Task 'a' needs \['b'\], not listed before it"):
        run_tasks([Task("a", print, (), frozenset({"b"})), Task("b", print, ())], workers=1)
