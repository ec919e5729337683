"""Touching: when a plug first meets its port, and what a particle filter makes of such touches."""

from __future__ import annotations

import numpy as np
import pytest

from cablecell.composition.scenario_files import load_scenario
from cablecell.configuration import config_folder, load_connectors
from cablecell.core.fusion.touch.evidence import Contact, Flush, unloaded_tip
from cablecell.core.fusion.touch.geometry import TouchGeometry, TouchGeometryError, touch_geometry
from cablecell.core.fusion.touch.particles import TouchFilter
from cablecell.core.geometry import Array, exp_so3, invert_pose, log_se3, make_pose
from cablecell.core.insertion.observation import PoseEstimate

DOWN = np.array([0.0, 0.0, 1.0])


def _filter(geometry: TouchGeometry, sigma_m: float = 5.0e-4) -> TouchFilter:
    prior = PoseEstimate(0.0, np.eye(4), np.diag([sigma_m**2] * 2 + [0.0029**2] + [0.01**2] * 3))
    rng = np.random.default_rng(7)
    return TouchFilter(geometry, prior, 0.02, count=300, moves=4, floor_m=2.0e-5, floor_rad=1.0e-3, rng=rng)


def _travel(port_filter: TouchFilter, X: Array, direction: Array, particle: Array | None = None) -> float:
    at = np.zeros((1, 9)) if particle is None else particle[None, :]
    return float(port_filter.travels(X, direction, 0.03, at)[0])


def test_upright_plug_beside_the_opening_meets_the_land() -> None:
    geometry = touch_geometry(load_connectors()["sfp"])
    X = make_pose(np.eye(3), [3.0e-3, 0.0, -5.0e-3])
    assert _travel(_filter(geometry), X, DOWN) == pytest.approx(5.0e-3 + geometry.rim_m, abs=1.0e-9)


def test_plug_over_the_opening_meets_nothing_and_inside_it_the_walls_at_their_clearance() -> None:
    geometry = touch_geometry(load_connectors()["sfp"])
    port_filter = _filter(geometry)
    assert _travel(port_filter, make_pose(np.eye(3), [0.0, 0.0, -5.0e-3]), DOWN) == pytest.approx(0.03)
    inside = make_pose(np.eye(3), [0.0, 0.0, 8.0e-3])
    for axis in (0, 1):
        for sign in (1.0, -1.0):
            assert _travel(port_filter, inside, sign * np.eye(3)[axis]) == pytest.approx(
                geometry.clearance[axis], abs=1.0e-6
            )


def test_tilted_plug_meets_the_land_with_its_lowest_corner() -> None:
    geometry = touch_geometry(load_connectors()["sfp"])
    tilt = 0.03
    R = exp_so3(np.array([0.0, -tilt, 0.0]))  # the +x edge is the lowest
    X = make_pose(R, [3.0e-3, 0.0, -5.0e-3])
    half = geometry.front[1]
    # That edge is beyond the wall's outside, so the wall's outer edge meets the sloping front.
    outer = float(geometry.limits[:, 3].max())
    height = (outer - 3.0e-3) * np.tan(tilt)
    assert half + 3.0e-3 > outer
    assert _travel(_filter(geometry), X, DOWN) == pytest.approx(5.0e-3 + geometry.rim_m - height, abs=2.0e-5)


def test_round_connector_is_refused() -> None:
    scenario = load_scenario(None, config_folder() / "connectors" / "u_fl.yaml")
    assert scenario.fixture is not None
    with pytest.raises(TouchGeometryError, match="round"):
        touch_geometry(scenario.fixture.connector)


@pytest.mark.parametrize("name", ["sfp", "sc"])
def test_filter_finds_the_port_from_touches_of_the_true_geometry(name: str) -> None:
    geometry = touch_geometry(load_connectors()[name])
    # Where the port is (v, w), and how the plug is turned in the grasp.
    truth = np.array([6.0e-4, -4.0e-4, 2.5e-3, 0.008, -0.006, 0.01, 0.01, 0.015, -0.01])
    X_port = make_pose(exp_so3(truth[3:6]), truth[:3])
    turn = exp_so3(truth[6:])
    port_filter = _filter(geometry)
    X = make_pose(np.eye(3), [3.0e-3, 2.0e-3, -0.012])
    down = _travel(port_filter, X, DOWN, truth)
    zero = np.zeros(3)
    port_filter.add(Contact(X @ make_pose(np.eye(3), down * DOWN), DOWN, down, 5.0e-5, zero, zero, 0.0))
    # Aligned with the port, in the opening: from there the sides are felt, faces on faces.
    R = X_port[:3, :3] @ turn.T
    for side in ("+x", "+y"):
        axis = "xy".index(side[1])
        plug, wall = geometry.faces[side]
        local = np.array([0.0, 0.0, geometry.engaged_m])
        local[axis] = wall - plug
        at = make_pose(R, X_port[:3, :3] @ local + X_port[:3, 3])
        half = 0.5 * (geometry.engaged_m - geometry.rim_m)
        port_filter.add(Contact(at, X_port[:3, axis], 2.0e-4, 5.0e-5, zero, zero, 0.0))
        port_filter.add(Flush(at, side, plug, wall, half, 2.0e-3, 0.004, 0.004))
    estimate = port_filter.estimate(1.0)
    wanted = make_pose(R, truth[:3])
    error = log_se3(invert_pose(estimate.X) @ wanted)
    # What is left is mostly the turn of the port, which no touch of so few shows, times the depth.
    assert np.abs(error[:2]).max() < 4.0e-4
    assert np.abs(error[3:]).max() < 0.015
    assert np.sqrt(np.diag(estimate.covariance)[:2]).max() < 2.0e-4
    assert float(error @ np.linalg.solve(estimate.covariance, error)) < 22.5  # 99.9 %


def test_give_of_the_grasp_is_taken_out() -> None:
    X_tcp_tip = make_pose(np.eye(3), [0.0, 0.0, 0.05])
    X = unloaded_tip(
        np.eye(4), X_tcp_tip, np.array([-3.0, 0.0, 0.0]), np.zeros(3), stiffness=4.0e4, rotation_stiffness=30.0
    )
    # A spring at the tcp: the tip goes with the push, by force over stiffness and by the turn times the lever.
    assert X[0, 3] == pytest.approx(-3.0 / 4.0e4 - 3.0 * 0.05 / 30.0 * 0.05, rel=1.0e-2)
