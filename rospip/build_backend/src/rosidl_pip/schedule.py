"""Runs tasks that need each other in a pool of processes, on all processors, in an order that keeps them busy."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Any

from rosidl_pip.errors import WorkerError

__all__ = ["Task", "run_tasks", "worker_count"]


@dataclass(frozen=True)
class Task:
    """One call of a module-level function in a worker process.

    Attributes:
        name: Unique name.
        function: What to call; it and its arguments are pickled, its result is ignored.
        arguments: Positional arguments.
        needs: Names of the tasks that must have ended before; they come earlier in the list of tasks.
    """

    name: str
    function: Callable[..., None]
    arguments: tuple[Any, ...]
    needs: frozenset[str] = field(default_factory=frozenset)


def worker_count() -> int:
    """Returns the number of processors this process may use."""
    return len(os.sched_getaffinity(0))


def run_tasks(tasks: Iterable[Task], workers: int, initializer: Callable[[], None] | None = None) -> None:
    """Runs all tasks; among those that may run, the one listed first starts first.

    The workers are forked, since the packages of an isolated build are visible only to this interpreter's children
    that keep its `sys.path`.

    Args:
        tasks: The tasks; each after those it needs.
        workers: Number of processes, >= 1.
        initializer: Called once in every worker.

    Raises:
        ValueError: A task needs one that is not listed before it.
        WorkerError: A worker process was killed.
        Exception: Whatever the first failing task raised; tasks not yet started are dropped.
    """
    waiting: dict[str, Task] = {}
    for task in tasks:
        unknown = task.needs - waiting.keys()
        if unknown:
            raise ValueError(f"Task {task.name!r} needs {sorted(unknown)}, not listed before it.")
        waiting[task.name] = task
    done: set[str] = set()
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=initializer) as pool:
        running: dict[Future[None], str] = {}
        try:
            while waiting or running:
                # Never more in the pool than it can run: what becomes ready later may be listed earlier.
                ready = [task for task in waiting.values() if task.needs <= done]
                for task in ready[: workers - len(running)]:
                    running[pool.submit(task.function, *task.arguments)] = task.name
                    del waiting[task.name]
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    future.result()
                    done.add(running.pop(future))
        except BrokenProcessPool as error:
            raise WorkerError(
                f"A worker process was killed during one of: {', '.join(sorted(running.values()))}. "
                f"If memory ran out ({workers} workers), use fewer, for example `taskset -c 0 pip install …`."
            ) from error
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
