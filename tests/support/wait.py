"""Wait for a condition with a deadline; tests never sleep and hope."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 4.0
"""Every deadline of a test is this much longer than an idle machine needs: it only matters when the test fails."""


def wait_until(
    condition: Callable[[], object], *, timeout_s: float = 10.0, what: str = "", poll_s: float = 0.02
) -> None:
    """Return as soon as `condition()` is true.

    Raises:
        AssertionError: It was not within `timeout_s`, times `PATIENCE`; the message says what was waited for.
    """
    timeout_s *= PATIENCE
    end_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end_s:
            raise AssertionError(f"not within {timeout_s} s: {what or condition}")
        time.sleep(poll_s)
