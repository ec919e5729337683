"""A bound on the end of a process: what the middleware does in its last moments may never come to an end.

When a participant of Fast DDS is deleted while another one leaves the graph, the deletion may wait for a discovery
callback that waits for the deletion, or for the interpreter that has already gone (Fast DDS issue 6513). It happens
inside destructors that the C library runs at exit, where no signal and no Python thread reaches the process any more.
"""

from __future__ import annotations

import ctypes
import sys

_SIGEV_THREAD = 2
_CLOCK_MONOTONIC = 1


class _SignalEvent(ctypes.Structure):
    """`struct sigevent` of the C library with its thread form of the union; padded to the 64 bytes it has there."""

    _fields_ = (
        ("value", ctypes.c_size_t),
        ("signal_number", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("function", ctypes.c_void_p),
        ("attributes", ctypes.c_void_p),
        ("padding", ctypes.c_byte * 32),
    )


class _Time(ctypes.Structure):
    _fields_ = (("s", ctypes.c_long), ("ns", ctypes.c_long))


class _TimerTimes(ctypes.Structure):
    _fields_ = (("interval", _Time), ("first", _Time))


def end_within(limit_s: float, exit_code: int) -> None:
    """Have the C library end this process after a while with its exit code, if it has not ended by itself until then.

    Neither the interpreter nor a signal handler takes part, so it also ends a process whose interpreter has gone. Call
    it when all that is left are destructors. Where the C library has no such timers nothing happens.

    Args:
        limit_s: Time until then, s.
        exit_code: Exit code of the process, 0 to 255.
    """
    library = ctypes.CDLL(None)
    if not (sys.platform == "linux" and hasattr(library, "timer_create") and hasattr(library, "timer_settime")):
        return
    event = _SignalEvent(
        value=exit_code, notify=_SIGEV_THREAD, function=ctypes.cast(library._exit, ctypes.c_void_p).value
    )
    timer = ctypes.c_void_p()
    if library.timer_create(_CLOCK_MONOTONIC, ctypes.byref(event), ctypes.byref(timer)) != 0:
        return
    seconds, fraction = divmod(limit_s, 1.0)
    times = _TimerTimes(first=_Time(int(seconds), int(1e9 * fraction)))
    library.timer_settime(timer, 0, ctypes.byref(times), None)
