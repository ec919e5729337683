"""What goes into the skill and what comes out of a step."""

from __future__ import annotations

from dataclasses import dataclass

from cablecell.core.control.command import ComplianceCommand
from cablecell.core.geometry import Array
from cablecell.core.insertion.outcome import InsertionResult, Phase


@dataclass(frozen=True)
class PoseEstimate:
    """An estimated pose.

    Attributes:
        stamp_s: Time of the newest evidence, s.
        X: Pose, shape (4, 4).
        covariance: Shape (6, 6), position then rotation vector, in the axes of the estimated frame, m², rad².
    """

    stamp_s: float
    X: Array
    covariance: Array


@dataclass(frozen=True)
class Observation:
    """Everything the skill sees in one step; there is no truth in it.

    Attributes:
        time_s: Clock, s.
        X_base_tcp: Measured tcp, shape (4, 4).
        wrench_tcp: Environment on tool at the tcp in tcp axes, shape (6,), N, N·m.
        X_base_port: Estimated `<port>_entrance` in `base_link` (z into the port); None while there is none.
        X_tcp_tip: Estimated `<plug>_tip` in `tcp`.
    """

    time_s: float
    X_base_tcp: Array
    wrench_tcp: Array
    X_base_port: PoseEstimate | None
    X_tcp_tip: PoseEstimate


@dataclass(frozen=True)
class SkillStep:
    """Output of one step.

    Attributes:
        command: Setpoint for the controller.
        phase: Phase after the step.
        reason: Why this phase was entered.
        is_gripper_open: True when the plug is to be let go.
        result: Set once the skill has ended.
    """

    command: ComplianceCommand
    phase: Phase
    reason: str
    is_gripper_open: bool
    result: InsertionResult | None
