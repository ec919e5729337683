"""Parts of the port estimator that need no graph: the history of the tool, and codes for reasons."""

import numpy as np
import pytest

from cablecell.core.errors import all_error_classes
from cablecell.core.geometry import make_pose
from cablecell.core.perception.outcome import NoEstimate, Reason
from cablecell.ros.estimator_errors import ObservationError, error_of
from cablecell.ros.pose_history import PoseHistory, RestLimits


def at(x):
    return make_pose(np.eye(3), (x, 0.0, 0.0))


@pytest.fixture
def history():
    return PoseHistory(RestLimits(0.002, 0.01), span_s=2.0, max_gap_s=0.05)


def test_a_pose_between_two_samples_is_interpolated(history):
    history.add(1.00, at(0.0), 0.0, 0.0)
    history.add(1.04, at(0.4), 0.0, 0.0)
    assert history.at(1.01).X_base_tcp[0, 3] == pytest.approx(0.1)
    assert history.at(1.04).X_base_tcp[0, 3] == 0.4


def test_outside_the_history_and_inside_a_gap_there_is_no_pose(history):
    assert history.at(1.0) is None
    history.add(1.0, at(0.0), 0.0, 0.0)
    history.add(1.2, at(0.0), 0.0, 0.0)
    assert history.at(0.9) is None
    assert history.at(1.1) is None
    assert history.at(1.3) is None


def test_rest_is_judged_at_the_time_of_the_image_not_of_the_question(history):
    for k in range(100):
        is_moving = k < 30 or k > 60
        history.add(1.0 + 0.01 * k, at(0.0), 0.1 if is_moving else 0.001, 0.0)
    assert history.at(1.205).still_s == 0.0
    assert history.at(1.50).still_s == pytest.approx(0.2)
    assert history.at(1.90).still_s == 0.0
    assert history.speed == (0.1, 0.0)


def test_a_turn_alone_is_no_rest(history):
    history.add(1.00, at(0.0), 0.0, 0.05)
    history.add(1.01, at(0.0), 0.0, 0.05)
    assert history.at(1.005).still_s == 0.0


def test_old_poses_are_forgotten_and_a_clock_that_is_set_back_starts_afresh(history):
    for k in range(1000):
        history.add(0.01 * k, at(0.0), 0.0, 0.0)
    assert history.at(1.0) is None
    assert history.at(8.5) is not None
    history.add(3.0, at(0.0), 0.0, 0.0)
    assert history.newest_s == 3.0
    assert history.at(8.5) is None


def test_every_reason_of_the_core_has_a_class_of_its_own():
    errors = [error_of(NoEstimate(reason, "12 px, limit 3 px")) for reason in Reason]
    assert len({error.code for error in errors}) == len(Reason)
    assert all(isinstance(error, ObservationError) and str(error) == "12 px, limit 3 px" for error in errors)
    codes = [cls.code for cls in all_error_classes() if "code" in vars(cls)]
    assert len(codes) == len(set(codes))
