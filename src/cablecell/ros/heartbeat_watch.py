"""Judge the silence of another node by one's own clock, without blaming it for one's own stalls."""

from __future__ import annotations

from collections.abc import Callable

STALL_NS = 50_000_000
"""Time between two looks from which on the watcher itself was held up."""

GRACE_NS = 100_000_000
"""Time after a stall in which messages that are already here may still be on their way through the executor."""


def _nothing_waits() -> int:
    return 0


HARD_LIMIT = 1.25
"""Silence that counts however often the watcher itself is held up, in limits."""


class StallGuard:
    """Says whether a silence is too long and may be somebody else's: not right after a stall of one's own.

    Stalls put that off only so far: up to `HARD_LIMIT` times the limit, or up to `GRACE_NS` after the end of the one
    stall that hid all the time until then. A watcher that stalls again and again still judges.
    """

    def __init__(self, limit_s: float) -> None:
        """Begin; `limit_s` is the longest silence, s; 0 judges nothing."""
        self._limit_ns = round(limit_s * 1e9)
        self._looked_ns = 0
        self._judge_from_ns = 0
        self._judge_at_latest_ns = 0

    def is_late(self, now_ns: int, heard_ns: int) -> bool:
        """Return whether a silence is longer than the limit, whoever is to blame; `heard_ns` 0 is no silence."""
        return heard_ns > 0 and 0 < self._limit_ns < now_ns - heard_ns

    def may_judge(self, now_ns: int, heard_ns: int) -> bool:
        """Return whether a silence is longer than the limit and to be blamed on the sender.

        To be called regularly: the time between two calls shows one's own stalls.

        Args:
            now_ns: Monotonic clock, ns.
            heard_ns: When the sender was heard last, by the same clock, ns; 0 is never.
        """
        if self._looked_ns and now_ns - self._looked_ns > STALL_NS:
            self._judge_from_ns = now_ns + GRACE_NS
        self._looked_ns = now_ns
        if not self.is_late(now_ns, heard_ns):
            self._judge_at_latest_ns = 0
            return False
        if not self._judge_at_latest_ns:
            hard_ns = heard_ns + round(HARD_LIMIT * self._limit_ns)
            self._judge_at_latest_ns = hard_ns if now_ns < hard_ns else now_ns + GRACE_NS
        return now_ns >= min(self._judge_from_ns, self._judge_at_latest_ns)


class HeartbeatWatch:
    """Says when a heartbeat that was heard once has been missing for too long; looked at in every cycle of a loop.

    A watcher that was not scheduled has not heard anything either, and that is no fault of the sender. So after a
    stall of its own it lets its executor catch up, and before it judges it takes what still waits in the middleware.
    A sender that has died is noticed at `HARD_LIMIT` times the limit, however often the watcher stalls; a single stall
    that lasts beyond that is followed by `GRACE_NS`.

    Args:
        limit_s: Longest silence, s; 0 watches nothing.
        take_waiting: Takes the messages that wait and returns the stamp of the newest, ns of the system clock; 0 when
            there is none.
    """

    def __init__(self, limit_s: float, take_waiting: Callable[[], int] = _nothing_waits) -> None:
        self._take_waiting = take_waiting
        self._heard_ns = 0
        self._guard = StallGuard(limit_s)

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
        if not self._guard.may_judge(now_ns, self._heard_ns):
            return None
        sent_ns = self._take_waiting()
        if sent_ns:
            # What waited counts from when it was sent: the sender may have died since.
            self._heard_ns = max(self._heard_ns, now_ns - max(0, system_ns - sent_ns))
            if not self._guard.is_late(now_ns, self._heard_ns):
                return None
        silent_s = (now_ns - self._heard_ns) * 1e-9
        self._heard_ns = 0
        return silent_s
