"""Ends the process groups of a launcher that died without doing so itself, even by SIGKILL.

Runs as a program of its own, in its own session. Its standard input is a pipe from the launcher: `+ID` names a process
group to look after, `-ID` releases it. When the pipe closes, the groups still named get SIGTERM and, after a while,
SIGKILL. A launcher that ends normally has released all of them by then.
"""

from __future__ import annotations

import os
import signal
import sys
import time

GRACE_S = 5.0
_POLL_S = 0.05


def end_groups(groups: set[int], grace_s: float) -> None:
    """Send SIGTERM to process groups and SIGKILL to those that are still there after `grace_s`."""
    remaining = _signal_all(groups, signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while remaining and time.monotonic() < deadline:
        time.sleep(_POLL_S)
        remaining = _signal_all(remaining, 0)
    _signal_all(remaining, signal.SIGKILL)


def _signal_all(groups: set[int], number: int) -> set[int]:
    """Signal groups and return those that exist."""
    alive = set()
    for group in groups:
        try:
            os.killpg(group, number)
        except OSError:
            continue
        alive.add(group)
    return alive


def main() -> None:
    """Read the pipe until it closes, then end what is left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line[0] == "+":
            groups.add(group)
        else:
            groups.discard(group)
    end_groups(groups, GRACE_S)


if __name__ == "__main__":
    main()
