"""The plug is measured by its edges in drawn pictures; what cannot be seen is not claimed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cablecell.core.config.estimator import EstimatorSettings
from cablecell.core.config.plug_vision import PlugVisionSettings
from cablecell.core.fusion.board import BoardEstimator
from cablecell.core.fusion.board_state import BoardState
from cablecell.core.fusion.ports import PortOnBoard, port_estimate
from cablecell.core.fusion.ports_plug import nominal_plug, port_in_tip, see_plug
from cablecell.core.geometry import exp_se3, invert_pose, log_se3, pose_from_xyz_rpy, transform_point
from cablecell.core.perception.layout import NominalPort
from cablecell.core.perception.outcome import NoEstimate, Reason
from cablecell.core.perception.plug_body import BodyBox, PlugBody
from cablecell.core.perception.plug_edges import edges_in_sight, find_edges, hull_sides, visible_edges
from cablecell.core.perception.plug_fit import PlugImages, plug_region
from cablecell.ports import Frame, Region
from tests.support.board_scene import BOARDS, MOUNTS, PORTS, X_BASE_HOME, SyntheticCell, rig, tool_outline

K = np.array([[1236.63, 0.0, 576.0], [0.0, 1236.63, 512.0], [0.0, 0.0, 1.0]])
SIZE = (1152, 1024)
X_TCP_TIP = pose_from_xyz_rpy((0.0, -0.0207, 0.0541), (0.357, 0.02, -0.052))
BODY = PlugBody((BodyBox(np.array([0.0, 0.0, -0.02365]), np.array([0.01375, 0.00845, 0.0473])),))
SETTINGS = PlugVisionSettings()
_FACES = {(a, s): (70.0 + 40.0 * a + 25.0 * (s > 0)) for a in range(3) for s in (-1, 1)}


def board_state():
    covariance = np.zeros((24, 24))
    covariance[:6, :6] = 1e-8 * np.eye(6)
    covariance[6:, 6:] = rig(EstimatorSettings()).covariance
    return BoardState(0.0, BOARDS[1], dict(MOUNTS), covariance, 1, 0.0)


def draw(camera, X_tcp_tip, background=150.0, rng=None, clutter=0):
    """Paint the faces of the plug that look at a camera, then the palm over them."""
    X = invert_pose(MOUNTS[camera]) @ X_tcp_tip
    image = np.full((SIZE[1] * 2, SIZE[0] * 2), background, dtype=np.uint8)
    if rng is not None:
        for _ in range(clutter):
            ends = [(int(x), int(y)) for x, y in rng.uniform(0, 2 * SIZE[0], (2, 2))]
            cv2.line(image, ends[0], ends[1], float(rng.uniform(60, 250)), 30)
    for box in BODY.boxes:
        eye = -X[:3, :3].T @ X[:3, 3] - box.centre
        for (axis, sign), grey in _FACES.items():
            if sign * eye[axis] <= 0.5 * box.size[axis]:
                continue
            first, second = (a for a in range(3) if a != axis)
            corners = np.tile(box.centre, (4, 1))
            corners[:, axis] += 0.5 * sign * box.size[axis]
            corners[:, first] += 0.5 * box.size[first] * np.array([-1, 1, 1, -1])
            corners[:, second] += 0.5 * box.size[second] * np.array([-1, -1, 1, 1])
            polygon(image, transform_point(X, corners), grey)
    palm = transform_point(invert_pose(MOUNTS[camera]), tool_outline(0.038))
    pixels = palm @ K.T
    hull = cv2.convexHull((pixels[:, :2] / pixels[:, 2:]).astype(np.float32)).reshape(-1, 2)
    cv2.fillConvexPoly(image, np.round(2.0 * hull).astype(np.int32), 20.0)
    small = cv2.resize(image, SIZE, interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), 0.7)
    noise = np.random.default_rng(5).normal(0.0, 2.0, soft.shape)
    grey = np.clip(soft + noise, 0, 255).astype(np.uint8)
    return Frame(0.0, camera, cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), K, Region(0, 0, *SIZE))


def polygon(image, corners, grey):
    """Fill the pixels whose centres are inside: unlike OpenCV's polygons, which are half a pixel too large."""
    pixels = corners @ K.T
    pixels = 2.0 * pixels[:, :2] / pixels[:, 2:] + 0.5
    low = np.maximum(np.floor(pixels.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(pixels.max(axis=0)).astype(int) + 1, (image.shape[1], image.shape[0]))
    u, v = np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1]))
    edges = np.roll(pixels, -1, axis=0) - pixels
    sides = [e[0] * (v - q[1]) - e[1] * (u - q[0]) for e, q in zip(edges, pixels, strict=True)]
    inside = np.all(np.stack(sides) >= 0.0, axis=0) | np.all(np.stack(sides) <= 0.0, axis=0)
    image[low[1] : high[1], low[0] : high[0]][inside] = grey


def images(X_tcp_tip, cameras=tuple(MOUNTS), **options):
    return {
        name: PlugImages(
            (draw(name, X_tcp_tip, **options),), transform_point(invert_pose(MOUNTS[name]), tool_outline()), SIZE
        )
        for name in cameras
    }


def gripped(seed):
    """Return a tip that is off by up to 2 mm and 0.04 rad about the tcp."""
    rng = np.random.default_rng(seed)
    step = rng.normal(0.0, 1.0, 6)
    step[:3] *= 0.0015 / np.linalg.norm(step[:3])
    step[3:] *= 0.03 / np.linalg.norm(step[3:])
    return exp_se3(step) @ X_TCP_TIP


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_plug_is_found_to_a_third_of_a_millimetre(seed):
    X_true = gripped(seed)
    nominal = nominal_plug(X_TCP_TIP, board_state(), SETTINGS)
    state, report = see_plug(nominal, BODY, images(X_true))
    error = log_se3(invert_pose(state.X_tcp_tip) @ X_true)
    assert np.abs(error[:3]).max() < 3.3e-4
    assert np.abs(error[3:]).max() < 6e-3
    assert error @ np.linalg.solve(state.tip_covariance, error) < 20.0
    before, after = np.diag(nominal.tip_covariance), np.diag(state.tip_covariance)
    assert np.all(after < 0.25 * before)
    assert set(report.cameras) == set(MOUNTS)
    assert state.sources[0] == "nominal grasp"


def test_a_plug_that_is_not_there_is_not_measured():
    empty = {
        name: PlugImages(
            (
                Frame(
                    0.0,
                    name,
                    np.random.default_rng(1).integers(148, 152, (SIZE[1], SIZE[0], 3)).astype(np.uint8),
                    K,
                    Region(0, 0, *SIZE),
                ),
            ),
            transform_point(invert_pose(MOUNTS[name]), tool_outline()),
            SIZE,
        )
        for name in MOUNTS
    }
    answer = see_plug(nominal_plug(X_TCP_TIP, board_state(), SETTINGS), BODY, empty)
    assert isinstance(answer, NoEstimate)
    assert answer.reason in (Reason.TOO_FEW_CORNERS, Reason.INCONSISTENT_VIEWS)


def test_one_camera_is_not_enough():
    answer = see_plug(nominal_plug(X_TCP_TIP, board_state(), SETTINGS), BODY, images(X_TCP_TIP, cameras=("center",)))
    assert isinstance(answer, NoEstimate)
    assert answer.reason is Reason.TOO_FEW_CORNERS
    assert "in 1 cameras, at least 4 in 2 are needed" in answer.message


@pytest.mark.parametrize(("shown_m", "is_answered"), [(0.02, True), (0.0025, False)])
def test_a_nose_that_hardly_shows_is_not_measured(shown_m, is_answered):
    """A screen hides all of the plug but its tip: of a few millimetres too much else looks the same."""
    seen = images(X_TCP_TIP)
    for name, taken in seen.items():
        X = invert_pose(MOUNTS[name]) @ X_TCP_TIP
        sides = [[x, y, -z] for x in (-0.008, 0.008) for y in (0.006, -0.006) for z in (shown_m, 0.1)]
        screen = transform_point(X, np.array(sides))
        seen[name] = PlugImages(taken.frames, screen, SIZE)
    answer = see_plug(nominal_plug(X_TCP_TIP, board_state(), SETTINGS), BODY, seen)
    assert isinstance(answer, NoEstimate) != is_answered
    if not is_answered:
        assert answer.reason is Reason.TOO_FEW_CORNERS


@pytest.mark.parametrize("apart_m", [0.0015, 0.003])
def test_two_equally_good_places_are_not_answered_confidently(apart_m):
    """Left and right camera see the plug at two places: there is no answer, or its covariance holds both."""
    shifts = (0.5 * apart_m, -0.5 * apart_m)
    places = [X_TCP_TIP @ exp_se3(np.array([0.0, 0.0, shift, 0.0, 0.0, 0.0])) for shift in shifts]
    seen = {name: images(X, cameras=(name,))[name] for name, X in zip(("left", "right"), places, strict=True)}
    answer = see_plug(nominal_plug(X_TCP_TIP, board_state(), SETTINGS), BODY, seen)
    if isinstance(answer, NoEstimate):
        assert answer.reason in (Reason.INCONSISTENT_VIEWS, Reason.TOO_FEW_CORNERS)
        return
    for X in places:
        error = log_se3(invert_pose(answer[0].X_tcp_tip) @ X)
        assert error @ np.linalg.solve(answer[0].tip_covariance, error) < 22.5  # 99.9 %


@pytest.mark.parametrize("bad", ["left", "center", "right"])
def test_one_camera_that_contradicts_two_others_is_outvoted(bad):
    """One camera sees the plug 3 mm farther out than the others do: its end edges count for nothing."""
    seen = images(X_TCP_TIP)
    elsewhere = X_TCP_TIP @ exp_se3(np.array([0.0, 0.0, 0.003, 0.0, 0.0, 0.0]))
    seen[bad] = images(elsewhere, cameras=(bad,))[bad]
    state, _ = see_plug(nominal_plug(X_TCP_TIP, board_state(), SETTINGS), BODY, seen)
    error = log_se3(invert_pose(state.X_tcp_tip) @ X_TCP_TIP)
    assert np.linalg.norm(error[:3]) < 3e-4
    assert error @ np.linalg.solve(state.tip_covariance, error) < 16.8  # 99 %


@pytest.mark.parametrize("off_m", [0.0, 0.0004])
def test_following_ends_where_searching_does(off_m):
    X_true, nominal = gripped(1), nominal_plug(X_TCP_TIP, board_state(), SETTINGS)
    seen = images(X_true)
    searched, _ = see_plug(nominal, BODY, seen)
    start = X_true @ exp_se3(np.array([off_m, -off_m, off_m, 0.0, 0.0, 0.0]))
    followed, _ = see_plug(nominal, BODY, seen, near=start)
    apart = log_se3(invert_pose(searched.X_tcp_tip) @ followed.X_tcp_tip)
    assert np.abs(apart / np.sqrt(np.diag(searched.tip_covariance))).max() < 0.2
    np.testing.assert_allclose(followed.tip_covariance, searched.tip_covariance, rtol=0.3, atol=1e-9)


def test_a_measured_shift_is_judged_by_the_gripper_and_the_error_of_the_measurement():
    far = np.zeros(6)
    far[0] = 0.0034
    seen = images(exp_se3(far) @ X_TCP_TIP)
    answer = see_plug(nominal_plug(X_TCP_TIP, board_state(), SETTINGS), BODY, seen)
    assert isinstance(answer, NoEstimate)
    assert answer.reason is Reason.INCONSISTENT_VIEWS
    assert "the gripper holds it within 0.0020 m" in answer.message
    wider = PlugVisionSettings(grasp_limit_m=0.004)
    state, _ = see_plug(nominal_plug(X_TCP_TIP, board_state(), wider), BODY, seen, wider)
    assert abs(log_se3(invert_pose(X_TCP_TIP) @ state.X_tcp_tip)[0] - far[0]) < 4e-4


@pytest.mark.parametrize("gap_px", [4.0, 7.0])
def test_an_edge_ends_its_face_however_strong_what_comes_behind_it(gap_px):
    """A face 15 grey levels above what is around it; a few pixels beyond its end, 100 levels down."""
    plate = BodyBox(np.zeros(3), np.array([0.04, 0.04, 0.01]))
    X = pose_from_xyz_rpy((0.0, 0.0, 0.4), (0.0, 0.0, 0.0))
    samples = visible_edges(edges_in_sight(PlugBody((plate,)), X, K), X, K, np.zeros((0, 4)), SIZE)
    low, high = samples.pixels.min(axis=0), samples.pixels.max(axis=0)
    image = np.full((SIZE[1], SIZE[0], 3), 110.0, dtype=np.float32)
    image[:, int(np.ceil(high[0] + gap_px)) :] = 10.0
    image[int(np.ceil(low[1])) : int(high[1]) + 1, int(np.ceil(low[0])) : int(high[0]) + 1] = 125.0
    soft = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.8), dtype=np.float32)
    found = find_edges(soft[None], np.zeros(2), samples, range_px=10.0, transition_px=2.6, min_strength=0.8)
    right = np.abs(found.samples.pixels[:, 0] - high[0]) < 0.5
    assert right.sum() > 20
    assert np.abs(found.offset_px[right]).max() < 1.2


def test_without_looking_the_grasp_error_stays():
    nominal = nominal_plug(X_TCP_TIP, board_state(), SETTINGS)
    rng = np.random.default_rng(7)
    sigma = [SETTINGS.grasp_sigma_m] * 3 + [SETTINGS.grasp_sigma_rad] * 3
    moved = [log_se3(invert_pose(X_TCP_TIP) @ exp_se3(rng.normal(0.0, sigma)) @ X_TCP_TIP) for _ in range(3000)]
    whitened = np.linalg.solve(np.linalg.cholesky(nominal.tip_covariance), np.array(moved).T)
    np.testing.assert_allclose(np.cov(whitened), np.eye(6), atol=0.12)


def test_a_common_hand_eye_error_cancels_between_plug_and_port():
    """With 1 mm of common hand-eye error the port is unsure in the base, but not as seen from the tip."""
    shifted = EstimatorSettings(mount_common_sigma_m=0.001, layout_sigma_m=0.0, layout_sigma_rad=0.0)
    cell = SyntheticCell(shifted, BOARDS[1], np.random.default_rng(3), with_errors=False)
    estimator = BoardEstimator(rig(shifted), shifted)
    estimator.add(cell.look(0.0, X_BASE_HOME))
    board = estimator.estimate(0.0)
    port = NominalPort("p", PORTS[1], 0.0458)
    state, _ = see_plug(nominal_plug(X_TCP_TIP, board, SETTINGS), BODY, images(X_TCP_TIP))
    place = PortOnBoard.by_design(state.board, port, shifted)
    X, covariance = port_in_tip(state, X_BASE_HOME, place, shifted)
    X_expected = invert_pose(X_BASE_HOME @ state.X_tcp_tip) @ state.board.X_base_board @ PORTS[1]
    np.testing.assert_allclose(X, X_expected, atol=1e-12)
    in_base = port_estimate(board, port, shifted).lateral_sigma_m
    in_tip = np.sqrt(np.linalg.eigvalsh(covariance[:3, :3])[-1])
    assert in_base > 0.0009
    assert in_tip < 0.5 * in_base


def test_hidden_and_averted_edges_are_not_asked_for():
    cube = BodyBox(np.zeros(3), np.full(3, 0.02))
    X = pose_from_xyz_rpy((0.0, 0.0, 0.3), (0.0, 0.0, 0.0))
    nothing = np.zeros((0, 4))
    alone = visible_edges(edges_in_sight(PlugBody((cube,)), X, K), X, K, nothing, SIZE)
    assert len(np.unique(alone.edges)) == 4  # seen face on: one face, four edges
    assert np.all(alone.points[:, 2] == pytest.approx(-0.01))
    screen = BodyBox(np.array([0.0, 0.0, -0.05]), np.array([0.1, 0.1, 0.002]))
    behind = visible_edges(edges_in_sight(PlugBody((cube, screen)), X, K), X, K, nothing, SIZE)
    assert np.all(behind.points[:, 2] < -0.04)
    outline = np.array([[0.0, 0.0], [1151.0, 0.0], [1151.0, 512.0], [0.0, 512.0]])
    half = visible_edges(edges_in_sight(PlugBody((cube,)), X, K), X, K, hull_sides(outline), SIZE)
    assert 0 < len(half.points) < len(alone.points)
    assert half.pixels[:, 1].min() > 512.0


def test_the_region_of_the_plug_holds_the_plug():
    X = invert_pose(MOUNTS["center"]) @ X_TCP_TIP
    region = plug_region(BODY, X, K, SIZE, 40)
    frame = draw("center", X_TCP_TIP)
    flat = draw("center", X_TCP_TIP, background=150.0)
    assert region is not None
    inside = frame.pixels[region.y : region.y + region.height, region.x : region.x + region.width]
    assert inside.std() > flat.pixels[:50].std()
    assert plug_region(BODY, pose_from_xyz_rpy((5.0, 0.0, 0.3), (0.0, 0.0, 0.0)), K, SIZE, 40) is None
    assert plug_region(BODY, pose_from_xyz_rpy((0.0, 0.0, -0.3), (0.0, 0.0, 0.0)), K, SIZE, 40) is None
