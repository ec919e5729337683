"""How often a login may fail: guessing a token of 256 bits is hopeless, and this keeps it from being tried."""

from __future__ import annotations

from collections import deque

from cablecell.console.errors import LoginRateError

_ADDRESSES = 1000


class LoginLimit:
    """Counts failed logins, by address and in all."""

    def __init__(self, tries: int = 5, tries_in_all: int = 50, window_s: float = 60.0) -> None:
        """Begin with none.

        Args:
            tries: Failures of one address within the window.
            tries_in_all: Failures of all addresses.
            window_s: Its length, s.
        """
        self._tries, self._tries_in_all, self._window_s = tries, tries_in_all, window_s
        self._failures: deque[tuple[float, str]] = deque(maxlen=_ADDRESSES)

    def require(self, address: str, now_s: float) -> None:
        """Do nothing where a login may be tried.

        Raises:
            LoginRateError: There were too many failures (code 723).
        """
        while self._failures and self._failures[0][0] <= now_s - self._window_s:
            self._failures.popleft()
        mine = [when for when, who in self._failures if who == address]
        if len(mine) >= self._tries or len(self._failures) >= self._tries_in_all:
            first = mine[0] if len(mine) >= self._tries else self._failures[0][0]
            raise LoginRateError(
                f"too many failed logins; try again in {self.wait_s(first, now_s):.0f} s",
                quantity="failures",
                value=len(mine),
                limit=self._tries,
            )

    def wait_s(self, first_s: float, now_s: float) -> float:
        """Return how long it takes until a failure of a certain time is forgotten, s."""
        return max(1.0, first_s + self._window_s - now_s)

    def note_failure(self, address: str, now_s: float) -> None:
        """Count a failed login."""
        self._failures.append((now_s, address))
