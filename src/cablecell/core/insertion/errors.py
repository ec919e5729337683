"""Faults of insertion (400): one class per way an insertion fails, and what keeps one from starting."""

from __future__ import annotations

from cablecell.core.errors import CancelledError, WorkcellError
from cablecell.core.insertion.handling_outcome import HandlingOutcome
from cablecell.core.insertion.outcome import Outcome


class InsertionError(WorkcellError):
    """A fault of insertion that has no class of its own."""

    code = 400


class NoContactError(InsertionError):
    """The plug went past the port without touching it, or without a stop."""

    code = 402


class SearchExhaustedError(InsertionError):
    """The opening was not found."""

    code = 403


class JammedError(InsertionError):
    """The plug got stuck on its way in."""

    code = 404


class NotLatchedError(InsertionError):
    """The plug reached the stop but a pull moved it: the latch did not close."""

    code = 405


class PulledOutError(InsertionError):
    """The latch closed and did not hold the pull test."""

    code = 406


class OverForceError(InsertionError):
    """The contact force was above its limit."""

    code = 407


class InsertionTimeoutError(InsertionError):
    """The insertion took longer than allowed."""

    code = 408


class PlugLostError(InsertionError):
    """The plug is not where it was gripped any more."""

    code = 409


class LostEstimateError(InsertionError):
    """The estimate of the port is missing, too old or too uncertain to start a contact with."""

    code = 411


class NotSeatedError(InsertionError):
    """The plug stopped before the depth of a seat, or did not stay there."""

    code = 412


class NotFreeError(InsertionError):
    """The tool did not hang free and still before contact: tare and load could not be taken."""

    code = 413


class UntouchableError(InsertionError):
    """The port is known too badly even to be found by touch."""

    code = 414


class WedgedError(InsertionError):
    """The plug is out of its latch and sticks in the port on its way out."""

    code = 415


class CableSnaggedError(InsertionError):
    """Something holds the plug back by its cable."""

    code = 417


class NotReleasedError(InsertionError):
    """The latch holds at the pull that should open it, or at what may be pulled before it is opened."""

    code = 419


class UnknownPortError(InsertionError):
    """The port is not on the board that is estimated."""

    code = 420


class UnknownPlugError(InsertionError):
    """The plug, or its connector family, is not what is known to be in the gripper."""

    code = 421


class SilentStreamError(InsertionError):
    """State and wrench of the arm stopped coming during the insertion."""

    code = 422


class UnknownTaskError(InsertionError):
    """What is to be done with a plug in its port is not among what can be done."""

    code = 423


_CLASSES: dict[Outcome, type[WorkcellError]] = {
    Outcome.NO_CONTACT: NoContactError,
    Outcome.SEARCH_EXHAUSTED: SearchExhaustedError,
    Outcome.JAMMED: JammedError,
    Outcome.NOT_LATCHED: NotLatchedError,
    Outcome.PULLED_OUT: PulledOutError,
    Outcome.OVER_FORCE: OverForceError,
    Outcome.TIMED_OUT: InsertionTimeoutError,
    Outcome.PLUG_LOST: PlugLostError,
    Outcome.CANCELLED: CancelledError,
    Outcome.LOST_ESTIMATE: LostEstimateError,
    Outcome.NOT_SEATED: NotSeatedError,
    Outcome.NOT_FREE: NotFreeError,
}

_HANDLING: dict[HandlingOutcome, type[WorkcellError]] = {
    HandlingOutcome.NOT_SEATED: NotSeatedError,
    HandlingOutcome.NOT_LATCHED: NotLatchedError,
    HandlingOutcome.NOT_RELEASED: NotReleasedError,
    HandlingOutcome.WEDGED: WedgedError,
    HandlingOutcome.CABLE_SNAGGED: CableSnaggedError,
    HandlingOutcome.OVER_FORCE: OverForceError,
    HandlingOutcome.TIMED_OUT: InsertionTimeoutError,
    HandlingOutcome.CANCELLED: CancelledError,
}

REPEATABLE = frozenset(
    {
        Outcome.NO_CONTACT,
        Outcome.SEARCH_EXHAUSTED,
        Outcome.JAMMED,
        Outcome.NOT_LATCHED,
        Outcome.PULLED_OUT,
        Outcome.NOT_SEATED,
    }
)
"""Failures after which another attempt from the staging pose makes sense."""


def error_of(outcome: Outcome, reason: str) -> WorkcellError | None:
    """Return the error of an outcome; None for a seat."""
    return None if outcome is Outcome.SEATED else _CLASSES[outcome](reason)


def error_of_handling(outcome: HandlingOutcome, reason: str) -> WorkcellError | None:
    """Return the error of an unplugging or a check; None for a plug that is out, or proven to be seated."""
    if outcome in (HandlingOutcome.UNPLUGGED, HandlingOutcome.SEATED):
        return None
    return _HANDLING[outcome](reason)
