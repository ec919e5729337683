"""Real-time scheduling of a whole process, where the machine allows it."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path


def set_realtime_priority(priority: int) -> bool:
    """Schedule every thread of this process, and those it will start, first in, first out; 0 goes back to normal.

    All threads and not only the control loop: whoever holds the interpreter's lock has to be as urgent as who waits
    for it.

    Returns:
        Whether the machine allowed it; it takes CAP_SYS_NICE or a limit for rtprio.
    """
    policy = os.SCHED_FIFO if priority else os.SCHED_OTHER
    try:
        os.sched_setscheduler(0, policy, os.sched_param(priority))
    except PermissionError:
        return False
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.sched_setscheduler(int(task.name), policy, os.sched_param(priority))
    return True


@contextlib.contextmanager
def less_urgent() -> Iterator[None]:
    """Let the other real-time threads of this process go before the calling one, for something long.

    Equals do not interrupt each other: on a shared processor a long call would silence a thread that reports.
    """
    policy, priority = os.sched_getscheduler(0), os.sched_getparam(0).sched_priority
    is_lowered = policy == os.SCHED_FIFO and priority > 1
    if is_lowered:
        os.sched_setscheduler(0, policy, os.sched_param(priority - 1))
    try:
        yield
    finally:
        if is_lowered:
            os.sched_setscheduler(0, policy, os.sched_param(priority))


_MCL_CURRENT = 1
_MCL_ONFAULT = 4  # only what is used: to lock the whole of every library costs some hundred megabytes


def lock_memory() -> bool:
    """Keep what this process has in memory there: code that was dropped comes back from disk, in tenths of a second.

    Returns:
        Whether the machine allowed it; it takes CAP_IPC_LOCK or a limit for memlock.
    """
    return ctypes.CDLL(None, use_errno=True).mlockall(_MCL_CURRENT | _MCL_ONFAULT) == 0
