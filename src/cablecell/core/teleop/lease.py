"""One control holder at a time: a lease that its holder renews, and that lapses in silence."""

from __future__ import annotations

from cablecell.core.teleop.commands import Source
from cablecell.core.teleop.errors import ControlHeldError


class Lease:
    """Who holds control, and until when.

    Attributes:
        holder: Who holds it; None when it is free.
    """

    def __init__(self, duration_s: float) -> None:
        """Start free; `duration_s` is how long silence is tolerated."""
        self._duration_s = duration_s
        self._renewed_s = 0.0
        self.holder: Source | None = None

    def require_available(self, source: Source, now_s: float) -> None:
        """Refuse who is neither the holder nor of a higher rank, as long as the lease runs.

        Raises:
            ControlHeldError: Somebody else holds control (code 702).
        """
        self.lapse(now_s)
        holder = self.holder
        if holder is not None and holder != source and source.rank <= holder.rank:
            left_s = self._duration_s - (now_s - self._renewed_s)
            raise ControlHeldError(
                f"'{source.name}' is refused: '{holder.name}' holds control for {left_s:.2f} s more",
                quantity="holder",
                value=source.name,
                limit=holder.name,
            )

    def take(self, source: Source, now_s: float) -> None:
        """Make a source the holder, or renew its lease; call `require_available` before."""
        self.holder, self._renewed_s = source, now_s

    def lapse(self, now_s: float) -> None:
        """Free the lease when its time is over."""
        if now_s - self._renewed_s > self._duration_s:
            self.holder = None

    def free(self) -> None:
        """Free the lease."""
        self.holder = None
