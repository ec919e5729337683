"""What became of a job on the stand-in cell."""

from __future__ import annotations

from dataclasses import dataclass, field

from cablecell.core.errors import CancelledError, WorkcellError


class OperatorNeededError(CancelledError):
    """Nobody is there to answer the question of a plan."""

    code = 916


@dataclass
class Outcome:
    """What became of a job, as the harness knows it.

    Attributes:
        good: Parts that the supervisor holds for good.
        seated: Parts that are.
        flagged: Parts that were left and flagged.
        hopeless: Parts whose port is covered or fouled for good: nothing in this cell can make them good.
        ended_by: What ended the job before its last part; None where it ran to its end.
        first_code: Code of the first failure or finding; 0 for none.
        noticed_s: When that was; None for never.
        injected_s: When the fault could first be seen; None where it was not done.
        recoveries: How many.
        begun: Insertions that were begun.
    """

    good: list[str] = field(default_factory=list)
    seated: list[str] = field(default_factory=list)
    flagged: list[str] = field(default_factory=list)
    hopeless: list[str] = field(default_factory=list)
    ended_by: WorkcellError | None = None
    first_code: int = 0
    noticed_s: float | None = None
    injected_s: float | None = None
    recoveries: int = 0
    begun: int = 0
