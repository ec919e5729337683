"""Contact events as measurements: Jacobians against differences, gates, and what they leave of the uncertainty."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from cablecell.core.fusion.contact_events import ContactMeasurement, face_touched, rim_found, seated, take_in
from cablecell.core.geometry import Array, exp_so3, make_pose
from cablecell.core.insertion.observation import PoseEstimate
from cablecell.core.perception.outcome import NoEstimate, Reason

Event = Callable[[Array, Array], ContactMeasurement]

EVENTS: dict[str, Event] = {
    "face": lambda X, tip: face_touched(X, tip, 1.0e-4, 1.0e-4),
    "rim": lambda X, tip: rim_found(X, tip, (4.0e-4, 5.0e-4)),
    "seated": lambda X, tip: seated(X, tip, 0.01, (1.0e-4, 1.0e-4, 2.0e-4), 0.01),
}


def _poses() -> tuple[Array, Array]:
    port = make_pose(exp_so3(np.array([3.0, 0.2, -0.4])), [-0.4, 0.3, 0.1])
    return port, port @ make_pose(exp_so3(np.array([0.05, -0.08, 0.11])), [2.0e-3, -1.0e-3, 8.0e-3])


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_jacobian_is_that_of_differences(event: Event) -> None:
    port, tip = _poses()
    jacobian = event(port, tip).jacobian
    for k in range(6):
        step = np.zeros(6)
        step[k] = 1.0e-6
        plus = event(port @ make_pose(exp_so3(step[3:]), step[:3]), tip).residual
        minus = event(port @ make_pose(exp_so3(-step[3:]), -step[:3]), tip).residual
        assert (plus - minus) / 2.0e-6 == pytest.approx(jacobian[:, k], abs=1.0e-6)


def test_land_tells_the_depth_and_nothing_across() -> None:
    truth = make_pose(np.eye(3), [0.0, 0.0, 0.3])
    port = PoseEstimate(0.0, truth @ make_pose(np.eye(3), [0.0, 0.0, 1.5e-3]), np.diag([1.0e-6] * 3 + [1.0e-8] * 3))
    tip = truth @ make_pose(np.eye(3), [0.0, 0.0, 1.0e-4])
    after = take_in(port, face_touched(port.X, tip, 1.0e-4, 5.0e-5), 1.0)
    assert isinstance(after, PoseEstimate)
    assert (np.linalg.inv(truth) @ after.X)[2, 3] == pytest.approx(0.0, abs=2.0e-5)
    assert np.sqrt(after.covariance[2, 2]) < 6.0e-5
    assert after.covariance[:2, :2] == pytest.approx(port.covariance[:2, :2], rel=1.0e-3)


def test_seat_far_from_the_belief_is_not_taken_in() -> None:
    port = PoseEstimate(0.0, np.eye(4), np.diag([1.0e-7] * 3 + [1.0e-5] * 3))
    tip = make_pose(np.eye(3), [5.0e-3, 0.0, 0.01])
    after = take_in(port, seated(port.X, tip, 0.01, (1.0e-4, 1.0e-4, 2.0e-4), 0.01), 1.0)
    assert isinstance(after, NoEstimate)
    assert after.reason is Reason.INCONSISTENT_VIEWS
