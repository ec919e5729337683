"""What the supervisor watches of its own computer: whether it runs when it should, and whether the clock jumps."""

from __future__ import annotations

from cablecell.core.errors import SupervisionError


class ClockJumpError(SupervisionError):
    """The wall clock of the computer was changed while the cell worked: stamps of before and after do not compare."""

    code = 631


class RecorderLostError(SupervisionError):
    """The recorder died or fell silent: no new insertion begins without a recording."""

    code = 632


class StarvedError(SupervisionError):
    """The supervisor did not run for too long: the computer is overloaded, and nobody watched the cell meanwhile."""

    code = 633


class PlugMissingError(SupervisionError):
    """There is no plug where one is to be taken from."""

    code = 634


class SelfWatch:
    """Compares the clocks, and the time between two looks; a step object without a clock of its own."""

    def __init__(self, *, jump_s: float, late_s: float) -> None:
        """Begin with the first look.

        Args:
            jump_s: Most that the wall clock may gain or lose on the steady clock between two looks, s.
            late_s: Longest time between two looks, s.
        """
        self._jump_s, self._late_s = jump_s, late_s
        self._last: tuple[float, float] | None = None

    def look(self, steady_s: float, wall_s: float) -> SupervisionError | None:
        """Take both clocks, s; return what is wrong with the time since the last look."""
        last, self._last = self._last, (steady_s, wall_s)
        if last is None:
            return None
        passed_s = steady_s - last[0]
        if passed_s > self._late_s:
            return StarvedError(
                f"the supervisor did not run for {passed_s:.2f} s; the limit is {self._late_s} s",
                quantity="period",
                value=f"{passed_s:.3f}",
                limit=self._late_s,
                unit="s",
            )
        jump_s = (wall_s - last[1]) - passed_s
        if abs(jump_s) > self._jump_s:
            return ClockJumpError(
                f"the wall clock jumped by {jump_s:+.2f} s; the limit is {self._jump_s} s",
                quantity="clock",
                value=f"{jump_s:.3f}",
                limit=self._jump_s,
                unit="s",
            )
        return None
