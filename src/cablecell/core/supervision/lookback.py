"""Looking back after a restart: what became of an insertion that was begun and whose end nobody wrote down.

A plug is never pushed into a port that may be taken: a step is done again only where something or somebody says that
the port is empty. What cannot be told is asked, never assumed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum

from cablecell.core.errors import SupervisionError


class UnknownSeatError(SupervisionError):
    """The cell ended during an insertion, and nothing tells whether its plug is in the port; a person has to."""

    code = 644


@dataclass(frozen=True)
class OpenInsertion:
    """An insertion that was begun and not ended.

    Attributes:
        row: Its number in the ledger.
        job_id: Its job.
        step: Its step.
        plug: What was to be put in.
        port: Where.
        begun_ns: When it began, by the wall clock.
    """

    row: int
    job_id: str
    step: str
    plug: str
    port: str
    begun_ns: int


class Told(IntEnum):
    """Numbers of cablecell_interfaces/InsertionReport."""

    NONE = 0
    RUNNING = 1
    ENDED = 2
    INTERRUPTED = 3


@dataclass(frozen=True)
class SkillReport:
    """What the skill says of the insertion that it began last.

    Attributes:
        state: How far it is.
        row: Number of the insertion in the ledger; 0 where it was not ordered by a supervisor with one.
        job_id: Its job.
        step: Its step.
        told_ns: When it said so, by the wall clock.
        error_code: How it ended; 0 for a seat.
        is_clear: Whether the plug is known to be clear of the port.
    """

    state: Told
    row: int = 0
    job_id: str = ""
    step: str = ""
    told_ns: int = 0
    error_code: int = 0
    is_clear: bool = False

    def is_about(self, begun: OpenInsertion) -> bool:
        """Return whether it is about this insertion, and not about one of the same name in another ledger."""
        return (
            self.state is not Told.NONE
            and (self.row, self.job_id, self.step) == (begun.row, begun.job_id, begun.step)
            and self.told_ns >= begun.begun_ns
        )


class Answer(Enum):
    """What a person says who has looked at the port."""

    SEATED = "seated"
    EMPTY = "empty"


class Verdict(Enum):
    """What follows for the step."""

    SEATED = "seated"
    AGAIN = "again"
    WAIT = "wait"
    ASK = "ask"


@dataclass(frozen=True)
class Finding:
    """A verdict and where it comes from.

    Attributes:
        verdict: What follows.
        source: `report` or `operator`; empty where nothing is known yet.
        reason: In words.
    """

    verdict: Verdict
    source: str
    reason: str


def judge(begun: OpenInsertion, report: SkillReport, *, is_report_ours: bool, answer: Answer | None) -> Finding:
    """Return what follows from what is known of an open insertion.

    Args:
        begun: The insertion.
        report: The last report of the skill.
        is_report_ours: Whether the report is about an insertion of the same ledger.
        answer: Of a person; None where nobody has answered.
    """
    is_about = report.is_about(begun)
    if is_about and report.state is Told.RUNNING:
        return Finding(Verdict.WAIT, "report", "the skill is still at it")
    if answer is not None:  # whoever stands before it knows more than any log
        verdict = Verdict.SEATED if answer is Answer.SEATED else Verdict.AGAIN
        return Finding(verdict, "operator", f"a person says that the port is {_WORDS[answer]}")
    if is_about and report.state is Told.ENDED and report.error_code == 0:
        return Finding(Verdict.SEATED, "report", "the skill had seated it")
    if is_about and report.is_clear:
        return Finding(Verdict.AGAIN, "report", "the skill had not seated it, and the plug is clear of the port")
    if is_report_ours and report.state in (Told.RUNNING, Told.ENDED) and report.told_ns < begun.begun_ns:
        return Finding(Verdict.AGAIN, "report", "the skill was never told to begin it")
    if not is_about:
        why = "the skill knows nothing of it"
    elif report.state is Told.INTERRUPTED:
        why = "the skill ended in the middle of it"
    else:
        why = f"it ended with code {report.error_code}, and the plug may be in the port"
    return Finding(Verdict.ASK, "", why)


_WORDS = {Answer.SEATED: "taken: the plug is seated", Answer.EMPTY: "empty"}


def question(begun: OpenInsertion, why: str, ledger: str) -> str:
    """Return what an operator is asked."""
    return (
        f"Is {begun.plug} seated in {begun.port}? The cell ended while it was put in (job {begun.job_id}, step "
        f"{begun.step}), and {why}. Answer: ./cell job found {ledger} seated, or: empty"
    )
