"""Touching: how far a plug is from the faces of its port, and what an estimate makes of the faces it has touched."""

from __future__ import annotations

import numpy as np
import pytest

from cablecell.composition.scenario_files import load_scenario
from cablecell.configuration import config_folder, load_connectors
from cablecell.core.config.touch import TouchSettings
from cablecell.core.fusion.touch import kernels
from cablecell.core.fusion.touch.estimator import Touch, TouchEstimator
from cablecell.core.fusion.touch.evidence import unloaded_tip
from cablecell.core.fusion.touch.geometry import TouchGeometry, TouchGeometryError, touch_geometry
from cablecell.core.geometry import Array, exp_so3, invert_pose, log_se3, make_pose
from cablecell.core.insertion.observation import PoseEstimate
from cablecell.core.insertion.touch_motion import advance
from cablecell.core.insertion.touch_open import walls_felt
from cablecell.core.insertion.touch_probe import make_probe, place_of

SIDES = {"+x": (0, 1.0), "-x": (0, -1.0), "+y": (1, 1.0), "-y": (1, -1.0), "+z": (2, 1.0)}
SIGMA_M = 4.0e-5


def _gap(geometry: TouchGeometry, X: Array, side: str, state: Array | None = None) -> float:
    row = np.zeros((1, kernels.COLUMNS))
    row[0, kernels.POSE : kernels.POSE + 12] = X[:3].ravel()
    row[0, kernels.AXIS], row[0, kernels.SIGN] = SIDES[side]
    states = np.zeros((1, kernels.STATE)) if state is None else state[None, :]
    arrays = (geometry.boxes, geometry.vertices, geometry.normals, geometry.limits)
    return float(kernels.gaps(states, row, *arrays)[0, 0])


def test_upright_plug_over_the_land_is_as_far_from_it_as_it_is_above_it() -> None:
    geometry = touch_geometry(load_connectors()["sfp"])
    X = make_pose(np.eye(3), [3.0e-3, 0.0, geometry.rim_m - 2.5e-3])
    assert _gap(geometry, X, "+z") == pytest.approx(2.5e-3, abs=1.0e-9)


def test_plug_in_the_middle_is_the_clearance_from_every_side() -> None:
    geometry = touch_geometry(load_connectors()["sfp"])
    inside = make_pose(np.eye(3), [0.0, 0.0, 8.0e-3])
    for side in ("+x", "-x", "+y", "-y"):
        room = geometry.clearance["xy".index(side[1])]
        assert _gap(geometry, inside, side) == pytest.approx(room, abs=1.0e-6)


def test_tilt_takes_half_the_tilt_times_the_length_in_the_port_from_either_side() -> None:
    geometry = touch_geometry(load_connectors()["sfp"])
    tilt, depth = 0.03, 8.0e-3
    # About the middle of what is between the straight parts of the walls: below the lead-in of 0.4 mm.
    top = geometry.rim_m + 0.4e-3
    middle = 0.5 * (depth + top)
    R = exp_so3(np.array([0.0, tilt, 0.0]))
    X = make_pose(R, np.array([0.0, 0.0, middle]) + R @ np.array([0.0, 0.0, depth - middle]))
    lost = 0.5 * tilt * (depth - top)
    for side in ("+x", "-x"):
        assert _gap(geometry, X, side) == pytest.approx(geometry.clearance[0] - lost, abs=1.0e-5)


def test_rounded_edge_on_a_lead_in_has_more_room_than_a_sharp_one() -> None:
    connector = load_connectors()["rj45"]
    geometry, edge = touch_geometry(connector), connector.plug.edge_radius_m
    deep, lead_in = 0.3e-3, 0.5e-3
    X = make_pose(np.eye(3), [0.0, 0.0, geometry.rim_m + deep])
    sharp = geometry.clearance[0] + lead_in - deep
    assert _gap(geometry, X, "+x") == pytest.approx(sharp + (2.0 - np.sqrt(2.0)) * edge, abs=1.0e-6)


def test_key_that_leans_on_the_side_of_its_slot_is_not_stopped_by_what_is_beside_the_slot() -> None:
    geometry = touch_geometry(load_connectors()["sc"])
    # The keys overlap with the lid by 0.05 mm: that is an error of the state, not a wall in the way.
    X = make_pose(np.eye(3), [-0.41e-3, 0.0, 11.0e-3])
    assert _gap(geometry, X, "-y") == pytest.approx(0.15e-3, abs=0.03e-3)


def test_wall_is_felt_only_where_it_pushes_back_with_more_than_friction_carries() -> None:
    assert walls_felt([2.0, 1.9], 0.4, 0.9) == (True, True)
    # The nose of an sc that was taken for the corner of its opening: 0.8 N are friction on the other wall.
    assert walls_felt([2.6, 0.8], 0.4, 0.7) == (True, False)
    assert walls_felt([2.5, 2.2], 0.4, 0.9, land_n=4.2) == (False, False)
    assert walls_felt([-0.5, 2.0], 0.4, 0.0) == (False, True)


def test_round_connector_is_refused() -> None:
    scenario = load_scenario(None, config_folder() / "connectors" / "u_fl.yaml")
    assert scenario.fixture is not None
    with pytest.raises(TouchGeometryError, match="round"):
        touch_geometry(scenario.fixture.connector)


def test_corner_leads_and_its_plug_fits_above_the_far_sides() -> None:
    geometry = touch_geometry(load_connectors()["sfp"])
    probe = make_probe(geometry, TouchSettings())
    assert not probe.is_nose
    R = exp_so3(probe.rotvec)
    deepest = max((R @ np.array([x, y, 0.0]))[2] for x in geometry.front[:2] for y in geometry.front[2:])
    assert (R @ probe.point)[2] == pytest.approx(deepest)
    # With the corner in that of the opening the plug stands on nothing down to the depth at which it feels.
    corner = np.array([s * (geometry.clearance[k] + abs(probe.point[k])) for k, s in enumerate(probe.signs)])
    at = np.array([corner[0] - 1.0e-4 * probe.signs[0], corner[1] - 1.0e-4 * probe.signs[1], geometry.rim_m - 1.0e-3])
    X = make_pose(R, place_of(probe, at, probe.rotvec))
    assert _gap(geometry, X, "+z") > 1.0e-3 + 0.3e-3


def test_nose_is_far_from_the_walls_where_the_body_is_near() -> None:
    geometry = touch_geometry(load_connectors()["sc"])
    probe = make_probe(geometry, TouchSettings())
    assert probe.is_nose
    assert (probe.room > 5.0 * geometry.clearance).all()


def _contact(geometry: TouchGeometry, truth: Array, rotvec: Array, sides: tuple[str, ...], depth_m: float) -> Array:
    """Return the pose of the believed tip at which the plug touches some sides, at an orientation."""
    R_port = exp_so3(truth[3:6])
    X = make_pose(exp_so3(rotvec), truth[:3] + R_port @ np.array([0.0, 0.0, depth_m]))
    for _ in range(6):
        for side in sides:
            axis, sign = SIDES[side]
            X[:3, 3] += R_port[:, axis] * sign * _gap(geometry, X, side, truth)
    return X


def _estimator(geometry: TouchGeometry) -> TouchEstimator:
    port = PoseEstimate(0.0, np.eye(4), np.diag([0.0029**2] * 3 + [0.01**2] * 3))
    tip = PoseEstimate(0.0, np.eye(4), np.diag([0.00115**2] * 3 + [0.023**2] * 3))
    return TouchEstimator(geometry, port, tip)


def _solve(estimator: TouchEstimator, p: Array, rotvecs: list[Array]) -> int:
    estimator.guess([(p, rotvec) for rotvec in rotvecs])
    steps = 0
    while not estimator.is_converged:
        estimator.refine()
        steps += 1
    return steps


STARTS = [np.array([0.03 * x, 0.03 * y, 0.02 * z]) for x, y, z in
          [(0, 0, 0), (0, 0, 1), (0, 0, -1), (1, 1, 0), (1, -1, 0), (-1, 1, 0), (-1, -1, 0)]]  # fmt: skip


@pytest.mark.parametrize("name", ["sfp", "sc"])
def test_leans_at_two_turns_tell_the_port_relative_to_the_tip(name: str) -> None:
    geometry = touch_geometry(load_connectors()[name])
    # Where the port is and how it is turned, and how the plug is turned and shifted in the grasp.
    truth = np.array([6e-4, -4e-4, 2.5e-3, 0.008, -0.006, 0.004, 0.008, 0.012, -0.006, 8e-4, -6e-4, 3e-4])
    aligned = exp_so3(truth[3:6]) @ exp_so3(truth[6:9]).T
    estimator = _estimator(geometry)
    rng = np.random.default_rng(3)
    beside = make_pose(np.eye(3), truth[:3] + np.array([3.0e-3, 2.0e-3, geometry.rim_m - 6.0e-3]))
    beside[:3, 3] += exp_so3(truth[3:6])[:, 2] * _gap(geometry, beside, "+z", truth)
    touches = [(beside, ("+z",))]
    depth = geometry.engaged_m
    for tilt in (0.02, -0.02):
        for sides in (("+x", "+y"), ("-x", "-y")):
            turn = np.array([tilt, tilt, 0.01])
            touches.append((_contact(geometry, truth, turn, sides, depth), sides))
    for X, sides in touches:
        noisy = X @ make_pose(np.eye(3), rng.normal(size=3) * 0.5 * SIGMA_M)
        estimator.add(Touch(noisy, sides, SIGMA_M))
    _solve(estimator, truth[:3] + 2.0e-4, STARTS)
    estimate = estimator.estimate(1.0)
    wanted = make_pose(aligned, truth[:3] - aligned @ truth[9:] + truth[9:])
    error = log_se3(invert_pose(estimate.X) @ wanted)
    sigma = np.sqrt(np.diag(estimate.covariance))
    assert sigma[:2].max() < 1.5e-4
    assert sigma[3:].max() < 0.015
    assert float(error @ np.linalg.solve(estimate.covariance, error)) < 22.5  # 99.9 %


def test_what_one_turn_leaves_open_is_in_the_covariance() -> None:
    geometry = touch_geometry(load_connectors()["sfp"])
    truth = np.zeros(kernels.STATE)
    sure, unsure = _estimator(geometry), _estimator(geometry)
    for tilt in (0.02, -0.02):
        for sides in (("+x", "+y"), ("-x", "-y")):
            turn = np.array([tilt, tilt, 0.02])
            touch = Touch(_contact(geometry, truth, turn, sides, geometry.engaged_m), sides, SIGMA_M)
            sure.add(touch)
            if tilt > 0.0:
                unsure.add(touch)
    for one in (sure, unsure):
        _solve(one, np.zeros(3), STARTS)
    tilts = [float(np.sqrt(np.diag(one.estimate(0.0).covariance))[3:5].max()) for one in (sure, unsure)]
    # A plug that is turned the other way has the same room: one turn alone does not say which way.
    assert tilts[1] > 2.0 * tilts[0]


def test_a_turn_as_far_the_other_way_is_looked_for() -> None:
    geometry = touch_geometry(load_connectors()["rj45"])
    truth, lean = np.zeros(kernels.STATE), 0.009
    turns = []
    for turn in (None, np.array([0.0, 0.0, lean])):
        estimator = _estimator(geometry)
        for tilt in (0.01, -0.01):
            for sides in (("+x", "+y"), ("-x", "-y")):
                X = _contact(geometry, truth, np.array([tilt, tilt, lean]), sides, geometry.engaged_m)
                estimator.add(Touch(X, sides, SIGMA_M))
        # The search begins beyond the turn of the leans, where the plug has the same room.
        estimator.guess([(np.zeros(3), np.array([0.0, 0.0, 2.0 * lean]))], turn)
        while not estimator.is_converged:
            estimator.refine()
        estimate = estimator.estimate(0.0)
        turns.append(abs(float(log_se3(estimate.X)[5])) / float(np.sqrt(estimate.covariance[5, 5])))
    assert turns[0] > 3.0
    assert turns[1] < 2.0


def test_a_touch_that_does_not_fit_is_a_misfit_and_moves_little() -> None:
    geometry = touch_geometry(load_connectors()["sfp"])
    truth = np.zeros(kernels.STATE)
    estimator = _estimator(geometry)
    for tilt in (0.02, -0.02):
        for sides in (("+x", "+y"), ("-x", "-y")):
            X = _contact(geometry, truth, np.array([tilt, tilt, 0.02]), sides, geometry.engaged_m)
            estimator.add(Touch(X, sides, SIGMA_M))
    turn = np.array([0.02, 0.02, 0.02])
    wrong = _contact(geometry, truth, turn, ("+x",), geometry.engaged_m)
    wrong[0, 3] -= 5.0e-4
    estimator.add(Touch(wrong, ("+x",), SIGMA_M))
    _solve(estimator, np.zeros(3), STARTS)
    assert np.abs(estimator.misfits()).max() > 5.0
    assert np.abs(log_se3(estimator.estimate(0.0).X)[:3]).max() < 1.5e-4


def test_give_of_the_grasp_is_taken_out() -> None:
    X_tcp_tip = make_pose(np.eye(3), [0.0, 0.0, 0.05])
    X = unloaded_tip(
        np.eye(4), X_tcp_tip, np.array([-3.0, 0.0, 0.0]), np.zeros(3), stiffness=4.0e4, rotation_stiffness=30.0
    )
    # A spring at the tcp: the tip goes with the push, by force over stiffness and by the turn times the lever.
    assert X[0, 3] == pytest.approx(-3.0 / 4.0e4 - 3.0 * 0.05 / 30.0 * 0.05, rel=1.0e-2)


def test_target_is_never_further_ahead_than_the_push_allows() -> None:
    target = 0.0
    for _ in range(100):
        target, is_held = advance(target, 0.0, 1.0e-4, 1.0e-3)
    assert is_held
    assert target == pytest.approx(1.0e-3)
    target, is_held = advance(0.0, 0.0, 1.0e-4, 1.0e-3, -1.0)
    assert not is_held
    assert target == pytest.approx(-1.0e-4)
