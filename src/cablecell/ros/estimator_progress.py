"""What a running observation has come to: views, how sure its ports are, and what ends it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from cablecell_interfaces.action import Observe

from cablecell.core.fusion.ports import PortEstimate
from cablecell.core.fusion.ports_estimator import PortEstimator
from cablecell.core.perception.outcome import NoEstimate
from cablecell.ros.estimator_errors import (
    AccuracyNotReachedError,
    ObservationCancelledError,
    ObservationRequestError,
    ObservationTimeoutError,
)
from cablecell.ros.goals import RunningGoal
from cablecell.ros.pose_messages import to_seconds


@dataclass
class Progress:
    """What a running observation has come to.

    Attributes:
        goal: What was asked for.
        ports: Full names of the ports that were asked for.
        end_s: When its time is used up, on the steady clock, s.
        views: Views so far.
        position_std: Of the port that is known worst, m; infinite while one was not found.
        orientation_std: Likewise, rad.
        problem: Why a port was not found.
    """

    goal: RunningGoal
    ports: Sequence[str]
    end_s: float
    views: int = 0
    position_std: float = math.inf
    orientation_std: float = math.inf
    problem: NoEstimate | None = None

    def report(self, phase: int) -> None:
        """Publish feedback."""
        self.goal.publish_feedback(
            Observe.Feedback(
                phase=phase, views=self.views, position_std=self.position_std, orientation_std=self.orientation_std
            )
        )

    def measure(self, estimator: PortEstimator, now_s: float) -> None:
        """Work out how sure the ports are; one that was not found yet may be by the next view."""
        answers = [estimator.port(name, now_s) for name in self.ports]
        problems = [answer for answer in answers if isinstance(answer, NoEstimate)]
        self.problem = problems[0] if problems else None
        estimates = [answer for answer in answers if isinstance(answer, PortEstimate)]
        if problems:
            self.position_std = self.orientation_std = math.inf
            return
        self.position_std = max(estimate.position_sigma_m for estimate in estimates)
        self.orientation_std = max(_largest_sigma(estimate.covariance[3:, 3:]) for estimate in estimates)

    def worst_port(self, estimator: PortEstimator, now_s: float) -> str:
        """Return the port that is known worst."""

        def sigma(name: str) -> float:
            answer = estimator.port(name, now_s)
            return math.inf if isinstance(answer, NoEstimate) else answer.position_sigma_m

        return max(self.ports, key=sigma)

    def check(self, *, is_active: bool) -> None:
        """End the observation where it has to end.

        Raises:
            ObservationCancelledError: By the client, or because the node is not active any more.
            ObservationTimeoutError: The time is used up.
        """
        taken = f"after {self.views} views"
        if self.goal.is_cancelled:
            raise ObservationCancelledError(f"cancelled {taken}")
        if not is_active:
            raise ObservationCancelledError(f"the node was deactivated {taken}")
        if time.monotonic() > self.end_s:
            limit_s = to_seconds(self.goal.request.time_limit)
            raise ObservationTimeoutError(
                f"the time limit of {limit_s:.3f} s is used up {taken}",
                quantity="time_limit",
                value=limit_s,
                limit=limit_s,
                unit="s",
            )

    def not_sure_enough(self, worst: str, *, has_views_left: bool) -> AccuracyNotReachedError:
        """Return the error that says how far this has come."""
        request = self.goal.request
        why = "another view from here would add nothing" if has_views_left else "the views are used up"
        return AccuracyNotReachedError(
            f"{worst} is known to {1e3 * self.position_std:.3f} mm and {self.orientation_std:.5f} rad (1 sigma) "
            f"after {self.views} views, wanted {1e3 * request.position_std:.3f} mm and "
            f"{request.orientation_std:.5f} rad; {why}",
            quantity="position_std",
            value=self.position_std,
            limit=request.position_std,
            unit="m",
        )


def check_request(request: Any) -> None:
    """Refuse a request that nobody could meet.

    Raises:
        ObservationRequestError: A wanted deviation is not above 0, or no view may be taken.
    """
    for name, unit in (("position_std", "m"), ("orientation_std", "rad")):
        value = getattr(request, name)
        if not (math.isfinite(value) and value > 0.0):
            raise ObservationRequestError(
                f"{name} = {value} {unit} is refused: it must be finite and above 0 {unit}",
                quantity=name,
                value=value,
                limit="above 0",
                unit=unit,
            )
    if request.max_views < 1:
        raise ObservationRequestError(
            f"max_views = {request.max_views} is refused: it must be at least 1",
            quantity="max_views",
            value=request.max_views,
            limit=1,
        )


def _largest_sigma(covariance: np.ndarray) -> float:
    return float(np.sqrt(np.linalg.eigvalsh(covariance)[-1]))
