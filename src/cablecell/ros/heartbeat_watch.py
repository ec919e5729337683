"""Judge the silence of another node by one's own clock, without blaming it for one's own stalls."""

from __future__ import annotations

from collections.abc import Callable

STALL_NS = 50_000_000
"""Time between two looks from which on the watcher itself was held up."""

GRACE_NS = 100_000_000
"""Time after a stall in which messages that are already here may still be on their way through the executor."""


def _nothing_waits() -> int:
    return 0


class StallGuard:
    """Says whether a silence that is seen now may be somebody else's: not right after a stall of one's own."""

    def __init__(self) -> None:
        self._looked_ns = 0
        self._judge_from_ns = 0

    def look(self, now_ns: int) -> bool:
        """Return whether silences may be judged; to be called regularly with the monotonic clock, ns."""
        if self._looked_ns and now_ns - self._looked_ns > STALL_NS:
            self._judge_from_ns = now_ns + GRACE_NS
        self._looked_ns = now_ns
        return now_ns >= self._judge_from_ns


class HeartbeatWatch:
    """Says when a heartbeat that was heard once has been missing for too long; looked at in every cycle of a loop.

    A watcher that was not scheduled has not heard anything either, and that is no fault of the sender. So after a
    stall of its own it lets its executor catch up, and before it judges it takes what still waits in the middleware.
    A sender that has died is noticed at the latest `GRACE_NS` after both the limit and the stall are over.

    Args:
        limit_s: Longest silence, s; 0 watches nothing.
        take_waiting: Takes the messages that wait and returns the stamp of the newest, ns of the system clock; 0 when
            there is none.
    """

    def __init__(self, limit_s: float, take_waiting: Callable[[], int] = _nothing_waits) -> None:
        self._limit_ns = round(limit_s * 1e9)
        self._take_waiting = take_waiting
        self._heard_ns = 0
        self._guard = StallGuard()

    def hear(self, now_ns: int) -> None:
        """Take a heartbeat at a time of the monotonic clock, ns."""
        self._heard_ns = now_ns

    def forget(self) -> None:
        """Watch again only after the next heartbeat."""
        self._heard_ns = 0

    def overdue_s(self, now_ns: int, system_ns: int) -> float | None:
        """Look at the clock; return how long the sender has been silent when that is too long.

        It is said once: after that the next heartbeat begins anew.

        Args:
            now_ns: Monotonic clock, ns.
            system_ns: System clock, in which messages are stamped, ns.
        """
        may_judge = self._guard.look(now_ns)
        if not may_judge or not self._is_late(now_ns):
            return None
        sent_ns = self._take_waiting()
        if sent_ns:
            # What waited counts from when it was sent: the sender may have died since.
            self._heard_ns = max(self._heard_ns, now_ns - max(0, system_ns - sent_ns))
            if not self._is_late(now_ns):
                return None
        silent_s = (now_ns - self._heard_ns) * 1e-9
        self._heard_ns = 0
        return silent_s

    def _is_late(self, now_ns: int) -> bool:
        heard_ns = self._heard_ns  # another thread may hear meanwhile
        return heard_ns > 0 and 0 < self._limit_ns < now_ns - heard_ns
