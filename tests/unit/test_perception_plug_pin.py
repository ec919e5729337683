"""The outline of a round pin: tangents of the line of sight, on the rim, and as good as fixed to the pin."""

from __future__ import annotations

import numpy as np
import pytest

from cablecell.configuration import load_connectors
from cablecell.core.geometry import exp_se3, invert_pose, pose_from_xyz_rpy
from cablecell.core.perception.plug_body import BodyBox, BodyPin, PlugBody, plug_body
from cablecell.core.perception.plug_edges import edges_in_sight
from cablecell.core.perception.plug_pin import pin_outline

K = np.array([[1236.63, 0.0, 576.0], [0.0, 1236.63, 512.0], [0.0, 0.0, 1.0]])
PIN = BodyPin(radius_m=0.004, length_m=0.03)
FROM_BEHIND = pose_from_xyz_rpy((0.01, -0.02, 0.25), (0.6, 0.1, 0.3))
FROM_AHEAD = pose_from_xyz_rpy((0.0, 0.01, 0.25), (2.6, 0.1, 0.3))


def outline(X):
    points, along, edges, across = pin_outline(PIN, X, K, 0.06, 2.0)
    return points, along, edges, across, invert_pose(X)[:3, 3]


def radial(points):
    return points * [1.0, 1.0, 0.0] / PIN.radius_m


@pytest.mark.parametrize("X", [FROM_BEHIND, FROM_AHEAD])
def test_the_sides_are_where_the_line_of_sight_is_a_tangent(X):
    points, along, edges, across, eye = outline(X)
    for side in (0, 1):
        here = points[edges == side]
        assert len(here) > 20
        np.testing.assert_allclose(np.linalg.norm(here[:, :2], axis=1), PIN.radius_m, rtol=1e-12)
        np.testing.assert_allclose(np.einsum("ij,ij->i", eye - here, radial(here)), 0.0, atol=1e-12)
        assert np.all((here[:, 2] > -PIN.length_m) & (here[:, 2] < 0.0))
        np.testing.assert_allclose(along[edges == side][:, :2], 0.0, atol=1e-15)
        # Its one face reaches to the other side.
        np.testing.assert_allclose(
            (here + across[edges == side][:, 0])[:, :2], points[edges == 1 - side][:1, :2].repeat(len(here), 0)
        )
        assert np.all(np.isnan(across[edges == side][:, 1]))


def test_from_behind_the_rim_is_seen_where_the_round_looks_at_the_camera():
    points, along, edges, across, eye = outline(FROM_BEHIND)
    assert eye[2] < 0.0
    rim = points[edges == 2]
    np.testing.assert_allclose(rim[:, 2], 0.0, atol=1e-15)
    assert np.all(np.einsum("ij,ij->i", eye - rim, radial(rim)) > 0.0)
    np.testing.assert_allclose(np.einsum("ij,ij->i", along[edges == 2], radial(rim)), 0.0, atol=1e-12)
    assert np.all(np.isnan(across[edges == 2][:, 1]))
    assert edges.max() == 2


def test_from_ahead_the_whole_rim_is_seen():
    points, _, edges, across, eye = outline(FROM_AHEAD)
    assert eye[2] > 0.0
    towards = np.einsum("ij,ij->i", eye - points, radial(points)) > 0.0
    assert np.all(towards[edges == 2])
    assert not np.any(towards[edges == 3])
    # The end is a face of both parts; straight across it lies the rim.
    for part, slot in ((2, 1), (3, 0)):
        there = points[edges == part] + across[edges == part][:, slot]
        np.testing.assert_allclose(np.linalg.norm(there, axis=1), PIN.radius_m, rtol=1e-12)


def test_on_the_axis_only_the_end_is_seen():
    points, _, edges, _, _ = outline(pose_from_xyz_rpy((0.0, 0.0, 0.3), (np.pi, 0.0, 0.0)))
    assert set(edges) == {0}
    np.testing.assert_allclose(points[:, 2], 0.0, atol=1e-15)
    points, _, edges, _, _ = outline(pose_from_xyz_rpy((0.0, 0.0, 0.3), (0.0, 0.0, 0.0)))
    assert len(points) == len(edges) == 0


@pytest.mark.parametrize("axis", range(6))
def test_a_small_motion_moves_the_outline_as_if_it_were_fixed_to_the_pin(axis):
    size = np.array([2e-4, 2e-4, 2e-4, 4e-3, 4e-3, 0.04])[axis]
    moved = FROM_BEHIND @ exp_se3(size * np.eye(6)[axis])
    points, _, edges, _ = pin_outline(PIN, FROM_BEHIND, K, 0.06, 2.0)
    after, _, after_edges, _ = pin_outline(PIN, moved, K, 0.0, 0.02)
    for edge in range(3):
        fixed, line = pixels(points[edges == edge], moved), pixels(after[after_edges == edge], moved)
        distance = np.linalg.norm(fixed[:, None] - line[None], axis=2).min(axis=1)
        assert distance.max() < 0.03  # half of the distance of points on the line is 0.01


def pixels(points, X):
    optical = (points @ X[:3, :3].T + X[:3, 3]) @ K.T
    return optical[:, :2] / optical[:, 2:]


def test_a_handle_hides_the_pin_behind_it():
    handle = BodyBox(np.array([0.0, 0.0, -0.04]), np.array([0.016, 0.016, 0.02]))
    core = BodyBox(np.array([0.0, 0.0, -0.015]), np.array([0.0042, 0.0042, 0.03]), shows_edges=False)
    alone = pin_outline(PIN, FROM_BEHIND, K, 0.06, 2.0)[0]
    sight = edges_in_sight(PlugBody((core, handle), PIN), FROM_BEHIND, K)
    straight = edges_in_sight(PlugBody((core, handle)), FROM_BEHIND, K)
    of_pin = sight.points[sight.edges > straight.edges.max()]
    assert 0 < len(of_pin) < len(alone)
    assert of_pin[:, 2].min() > alone[:, 2].min()
    assert not np.any(np.all(np.abs(straight.points[:, :2]) < 0.003, axis=1))  # the core has no edges


def test_the_body_of_a_plug_is_its_boxes_and_its_pin():
    connectors = load_connectors()
    peg = plug_body(connectors["peg_round"])
    assert peg.pin == BodyPin(connectors["peg_round"].round_fit.pin_radius_m, 0.030)
    assert [box.shows_edges for box in peg.boxes] == [False, False]
    np.testing.assert_allclose(peg.corners.max(axis=0), [8e-3, 8e-3, 0.0], atol=1e-12)
    np.testing.assert_allclose(peg.corners.min(axis=0), [-8e-3, -8e-3, -50e-3], atol=1e-12)
    for name, connector in connectors.items():
        if name != "peg_round":  # the plug of u_fl is a socket
            body = plug_body(connector)
            assert body.pin is None
            assert len(body.boxes) == len(connector.plug.parts)
            assert all(box.shows_edges for box in body.boxes)
