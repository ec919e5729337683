"""The honest way to say "I do not know"."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Reason(Enum):
    """Why there is no estimate."""

    NOTHING_SEEN = "nothing_seen"
    TOO_FEW_CORNERS = "too_few_corners"
    DEGENERATE_CORNERS = "degenerate_corners"
    REPROJECTION_TOO_HIGH = "reprojection_too_high"
    INCONSISTENT_VIEWS = "inconsistent_views"
    UNEXPECTED_POSE = "unexpected_pose"
    UNCERTAIN = "uncertain"
    STALE = "stale"
    NOT_CONVERGED = "not_converged"
    UNKNOWN_PORT = "unknown_port"
    COVERED = "covered"
    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True)
class NoEstimate:
    """The answer when there is no honest estimate.

    Attributes:
        reason: Kind of failure, for programs.
        message: Quantity, value, limit and unit, for people.
    """

    reason: Reason
    message: str
