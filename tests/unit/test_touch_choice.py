"""Which touch comes next: what is left open is told by it, and what it is expected to tell is what it tells."""

from __future__ import annotations

import numpy as np
import pytest

from cablecell.configuration import load_connectors
from cablecell.core.config.touch import TouchSettings
from cablecell.core.fusion.touch import kernels
from cablecell.core.fusion.touch.estimator import Touch, TouchEstimator
from cablecell.core.fusion.touch.foresight import Foresight
from cablecell.core.fusion.touch.geometry import TouchGeometry, touch_geometry
from cablecell.core.geometry import Array, exp_so3, make_pose
from cablecell.core.insertion.observation import PoseEstimate
from cablecell.core.insertion.touch_choice import Choice, Next, land_place, side_names

SETTINGS = TouchSettings()
TILT, YAW = 0.01, 0.009
TRUTH = np.zeros(kernels.STATE)
LEANED = np.array([0.0, 0.0, YAW])


def _touched(geometry: TouchGeometry, rotvec: Array, p: Array, sides: tuple[str, ...], sigma_m: float) -> Touch:
    """Return the touch of a port that is where it is believed to be."""
    X = make_pose(exp_so3(rotvec), p)
    for _ in range(6):
        for side in sides:
            row = Touch(X, (side,), sigma_m).rows()
            arrays = (geometry.boxes, geometry.vertices, geometry.normals, geometry.limits)
            X[int(row[0, kernels.AXIS]), 3] += row[0, kernels.SIGN] * float(
                kernels.gaps(TRUTH[None], row, *arrays)[0, 0]
            )
    return Touch(X, sides, sigma_m)


def _leaned(name: str, tap: Array | None) -> tuple[TouchGeometry, TouchEstimator]:
    """Return what is known after a tap and four leans at one turn about the axis."""
    geometry = touch_geometry(load_connectors()[name])
    port = PoseEstimate(0.0, np.eye(4), np.diag([0.0029**2] * 3 + [0.01**2] * 3))
    tip = PoseEstimate(0.0, np.eye(4), np.diag([0.00115**2] * 3 + [0.023**2] * 3))
    estimator = TouchEstimator(geometry, port, tip)
    inside = np.array([0.0, 0.0, geometry.engaged_m])
    if tap is not None:
        estimator.add(_touched(geometry, np.zeros(3), tap, ("+z",), SETTINGS.land_sigma_m))
    for tilt in (TILT, -TILT):
        for sides in (("+x", "+y"), ("-x", "-y")):
            turn = np.array([tilt, tilt, YAW])
            estimator.add(_touched(geometry, turn, inside, sides, SETTINGS.touch_sigma_m))
    starts = [
        (np.array([0.0, 0.0, dz]), np.array([0.0, 0.0, yaw])) for dz in (0.0, -0.0005) for yaw in (0.0, 2.0 * YAW)
    ]
    estimator.guess(starts, LEANED)
    _refine(estimator)
    return geometry, estimator


def _refine(estimator: TouchEstimator) -> None:
    while not estimator.is_converged:
        estimator.refine()


def _sigma(estimator: TouchEstimator) -> Array:
    return np.asarray(np.sqrt(np.diag(estimator.estimate(0.0).covariance)))


def _choose(geometry: TouchGeometry, estimator: TouchEstimator, touches_left: int) -> Next:
    p = np.array([0.0, 0.0, geometry.engaged_m])
    choice = Choice(estimator, geometry, SETTINGS, p, (TILT, YAW), LEANED, touches_left)
    while not choice.is_done:
        choice.work()
    assert choice.best is not None
    return choice.best


def test_plug_that_may_be_turned_either_way_is_leaned_where_the_sides_tell() -> None:
    geometry, estimator = _leaned("rj45", np.array([0.0, 3.0e-3, -1.0e-3]))
    before = _sigma(estimator)
    assert len(estimator.weighted_modes()) > 1
    assert before[5] > SETTINGS.rotation_goal_rad
    best = _choose(geometry, estimator, 2)
    assert best.signs is not None
    inside = np.array([0.0, 0.0, geometry.engaged_m])
    estimator.add(_touched(geometry, best.rotvec, inside, side_names(best.signs), SETTINGS.touch_sigma_m))
    estimator.again()
    _refine(estimator)
    assert _sigma(estimator)[5] < 0.5 * before[5]
    assert _sigma(estimator)[5] < SETTINGS.rotation_goal_rad


def test_turn_at_which_a_plug_does_not_fit_is_not_expected_to_tell_anything() -> None:
    geometry, estimator = _leaned("rj45", np.array([0.0, 3.0e-3, -1.0e-3]))
    foresight = Foresight(estimator)
    inside = np.array([0.0, 0.0, geometry.engaged_m])
    askew = foresight.sigma_after(np.array([0.2, 0.2, 0.0]), inside, ("+x", "+y"), SETTINGS.touch_sigma_m)
    assert askew == pytest.approx(_sigma(estimator), rel=0.3)


def test_depth_that_the_first_tap_left_open_is_told_by_a_tap_beside_the_opening() -> None:
    # The ferrule came down at the edge of the opening: it may stand on the land, or be inside with the body on it.
    geometry, estimator = _leaned("sc", np.array([0.0, 3.0e-3, -4.0e-3]))
    before = _sigma(estimator)[2]
    assert before > 5.0e-4
    best = _choose(geometry, estimator, 1)
    assert best.signs is None
    estimator.add(_touched(geometry, best.rotvec, best.start.p, ("+z",), SETTINGS.land_sigma_m))
    estimator.again()
    _refine(estimator)
    assert _sigma(estimator)[2] < 0.2 * before


def test_plug_is_not_taken_out_for_a_tap_while_its_turn_is_open() -> None:
    geometry, estimator = _leaned("rj45", None)
    assert _sigma(estimator)[5] > SETTINGS.rotation_goal_rad
    assert _choose(geometry, estimator, 2).signs is not None


@pytest.mark.parametrize("name", ["sfp", "sc", "rj45", "usb_c"])
def test_plug_beside_the_opening_stands_on_the_land(name: str) -> None:
    geometry = touch_geometry(load_connectors()[name])
    place = land_place(geometry)
    assert place is not None
    start = np.array([place[0], place[1], geometry.rim_m - geometry.nose_m - 1.0e-3])
    landed = _touched(geometry, np.zeros(3), start, ("+z",), 4.0e-5)
    assert landed.X_prior_tip[2, 3] == pytest.approx(geometry.rim_m - geometry.nose_m, abs=1.0e-6)
