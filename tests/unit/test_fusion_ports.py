"""The board estimator says no when it should, and ports carry the right pose and covariance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cablecell.core.config.estimator import EstimatorSettings, LookSettings
from cablecell.core.fusion.board import BoardEstimator, ExpectedBoard, Use, solve_look
from cablecell.core.fusion.board_looks import choose_looks
from cablecell.core.fusion.board_state import Look
from cablecell.core.fusion.ports import PortOnBoard, find_port, in_parent_axes, port_estimate
from cablecell.core.fusion.ports_estimator import PortEstimator
from cablecell.core.geometry import exp_se3, invert_pose, log_se3, make_pose
from cablecell.core.perception.layout import LayoutError, NominalPort, read_layout
from cablecell.core.perception.outcome import NoEstimate, Reason
from tests.support.board_scene import (
    BOARDS,
    MOUNTS,
    PATCHES,
    PORTS,
    X_BASE_HOME,
    SyntheticCell,
    look_poses,
    rig,
    viewer,
)

SETTINGS = EstimatorSettings()
PORT = NominalPort("nic_card_mount_0/sfp_port_0", PORTS[1], 0.0458)


@pytest.fixture
def cell():
    return SyntheticCell(SETTINGS, BOARDS[1], np.random.default_rng(21))


@pytest.fixture
def started(cell):
    estimator = BoardEstimator(rig(SETTINGS), SETTINGS)
    assert estimator.add(cell.look(0.0, X_BASE_HOME)).use is Use.STARTED
    return estimator


def poses(seed=5):
    return look_poses(np.random.default_rng(seed), 6)[1:]


def shifted(look, cameras, pixels):
    corners = {n: replace(c, pixels=c.pixels + pixels) if n in cameras else c for n, c in look.corners.items()}
    return replace(look, corners=corners)


def test_nothing_seen_yet():
    answer = BoardEstimator(rig(SETTINGS)).estimate(0.0)
    assert isinstance(answer, NoEstimate)
    assert answer.reason is Reason.NOTHING_SEEN


def test_a_look_without_corners_changes_nothing(started):
    before = started.estimate(1.0)
    report = started.add(Look(1.0, X_BASE_HOME, {}))
    assert report.use is Use.REJECTED
    assert report.problem.reason is Reason.NOTHING_SEEN
    np.testing.assert_array_equal(started.estimate(1.0).X_base_board, before.X_base_board)


def test_an_old_estimate_is_stale(started):
    answer = started.estimate(SETTINGS.max_age_s + 1.0)
    assert answer.reason is Reason.STALE
    assert "121.0 s ago, the limit is 120.0 s" in answer.message


def test_the_estimate_grows_less_certain_with_time(started):
    early, late = started.estimate(0.0), started.estimate(100.0)
    assert np.all(np.diag(late.board_covariance) > np.diag(early.board_covariance))
    assert late.stamp_s == 100.0


def test_a_camera_that_is_not_on_the_rig_is_an_error(cell):
    look = cell.look(0.0, X_BASE_HOME)
    with pytest.raises(ValueError, match="camera 'top' is not on the rig; it has center, left, right"):
        BoardEstimator(rig(SETTINGS)).add(replace(look, corners={"top": look.corners["left"]}))


def test_one_bad_camera_among_three_is_left_out_of_the_start(cell):
    estimator = BoardEstimator(rig(SETTINGS), SETTINGS)
    report = estimator.add(shifted(cell.look(0.0, X_BASE_HOME), ("left",), np.array([25.0, 0.0])))
    assert report.use is Use.STARTED
    assert report.rejected == ("left",)
    error = log_se3(invert_pose(estimator.estimate(0.0).X_base_board) @ BOARDS[1])
    assert np.abs(error[:3]).max() < 0.001


def test_two_cameras_that_contradict_each_other_give_no_estimate(cell):
    look = shifted(cell.look(0.0, X_BASE_HOME, ("left", "right")), ("left",), np.array([25.0, 0.0]))
    estimator = BoardEstimator(rig(SETTINGS), SETTINGS)
    report = estimator.add(look)
    assert report.use is Use.REJECTED
    assert report.problem.reason in (Reason.INCONSISTENT_VIEWS, Reason.REPROJECTION_TOO_HIGH)
    assert isinstance(estimator.estimate(0.0), NoEstimate)


def test_swapped_camera_streams_give_no_estimate(cell):
    look = cell.look(0.0, X_BASE_HOME)
    names = list(look.corners)
    swapped = {name: look.corners[names[i - 1]] for i, name in enumerate(names)}
    expected = ExpectedBoard(BOARDS[1], radius_m=0.1, turn_rad=0.5)
    estimator = BoardEstimator(rig(SETTINGS), SETTINGS, expected)
    assert estimator.add(replace(look, corners=swapped)).use is Use.REJECTED
    assert isinstance(estimator.estimate(0.0), NoEstimate)
    assert estimator.add(look).use is Use.STARTED


def test_a_board_where_none_is_put_gives_no_estimate(cell):
    expected = ExpectedBoard(BOARDS[3], radius_m=0.1, turn_rad=0.5)
    report = BoardEstimator(rig(SETTINGS), SETTINGS, expected).add(cell.look(0.0, X_BASE_HOME))
    assert report.problem.reason is Reason.UNEXPECTED_POSE
    assert "limits 0.100 m and 0.500 rad" in report.problem.message


def test_a_frozen_camera_is_gated_out_of_later_looks(cell, started):
    X = poses()[0]
    look = cell.look(1.0, X)
    frozen = cell.look(0.0, X_BASE_HOME).corners["right"]
    report = started.add(replace(look, corners={**look.corners, "right": frozen}))
    assert report.use is Use.FUSED
    assert report.rejected == ("right",)
    assert report.distances["right"] > SETTINGS.gate_chi2


def test_a_moved_board_is_noticed_and_not_averaged(cell, started):
    cell.X_base_board = BOARDS[1] @ exp_se3(np.array([0.004, 0.002, 0.0, 0.0, 0.0, 0.01]))
    uses = [started.add(cell.look(1.0 + i, X)).use for i, X in enumerate(poses()[: SETTINGS.max_rejections])]
    assert uses == [Use.REJECTED] * (SETTINGS.max_rejections - 1) + [Use.MOVED]
    assert isinstance(started.estimate(5.0), NoEstimate)
    assert started.add(cell.look(6.0, poses()[3])).use is Use.STARTED
    error = log_se3(invert_pose(started.estimate(6.0).X_base_board) @ cell.X_base_board)
    assert np.abs(error[:3]).max() < 0.0015


def test_looking_again_from_the_same_place_adds_no_confidence(cell, started):
    before = started.estimate(1.0)
    report = started.add(cell.look(1.0, X_BASE_HOME @ exp_se3(np.array([0.0005, 0.0, 0.0, 0.0, 0.0, 0.001]))))
    assert report.use is Use.CONFIRMED
    after = started.estimate(1.0)
    np.testing.assert_allclose(after.board_covariance, before.board_covariance)
    assert after.seen_s == 1.0
    assert after.looks == before.looks


def test_corners_on_a_line_are_degenerate(cell):
    look = cell.look(0.0, X_BASE_HOME, ("left",))
    corners = look.corners["left"]
    east = corners.groups == 0
    line = replace(corners, pixels=corners.pixels[east], points=corners.points[east], groups=corners.groups[east])
    answer = solve_look(replace(look, corners={"left": line}), rig(SETTINGS), SETTINGS)
    assert answer.reason is Reason.DEGENERATE_CORNERS


def test_the_port_is_the_board_times_the_layout(started):
    board = started.estimate(2.0)
    port = port_estimate(board, PORT, SETTINGS)
    np.testing.assert_allclose(port.X_base_entrance, board.X_base_board @ PORTS[1])
    assert (port.name, port.depth_m, port.age_s) == (PORT.name, 0.0458, 2.0)


def test_the_covariance_of_a_port_is_that_of_samples(started):
    """The adjoint against brute force: perturb the board, watch the mouth."""
    board = started.estimate(0.0)
    exact = SETTINGS.model_copy(update={"layout_sigma_m": 0.0, "layout_sigma_rad": 0.0})
    port = port_estimate(board, PORT, exact)
    rng = np.random.default_rng(3)
    steps = rng.multivariate_normal(np.zeros(6), board.board_covariance, 4000)
    moved = [
        log_se3(invert_pose(port.X_base_entrance) @ board.X_base_board @ exp_se3(step) @ PORTS[1]) for step in steps
    ]
    whitened = np.linalg.solve(np.linalg.cholesky(port.covariance), np.array(moved).T)
    np.testing.assert_allclose(np.cov(whitened), np.eye(6), atol=0.1)
    with_tolerance = port_estimate(board, PORT, SETTINGS)
    assert with_tolerance.lateral_sigma_m > port.lateral_sigma_m


def test_a_port_that_is_too_uncertain_is_not_reported(started):
    board = started.estimate(0.0)
    loose = PortOnBoard.by_design(board, PORT, SETTINGS, layout_sigma_m=0.006)
    answer = port_estimate(board, PORT, SETTINGS, loose)
    assert answer.reason is Reason.UNCERTAIN
    assert "limit 0.0050 m" in answer.message


def test_an_unknown_port_is_refused_with_the_valid_names():
    answer = find_port({PORT.name: PORT}, "nic_card_mount_9/sfp_port_0")
    assert answer.reason is Reason.UNKNOWN_PORT
    assert "valid are nic_card_mount_0/sfp_port_0" in answer.message


def test_ros_covariance_is_about_the_parents_axes():
    X = make_pose(np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]), (1.0, 2.0, 3.0))
    turned = in_parent_axes(X, np.diag([1.0, 4.0, 9.0, 0.1, 0.2, 0.3]))
    np.testing.assert_allclose(np.diag(turned), [4.0, 1.0, 9.0, 0.2, 0.1, 0.3])


URDF = """<robot name="b"><link name="task_board"/><link name="task_board/m/sfp_port_0_link"/>
<link name="task_board/m/sfp_port_0_link_entrance"/>
<joint name="a" type="fixed"><parent link="task_board"/><child link="task_board/m/sfp_port_0_link"/>
<origin xyz="0.1 0.2 0.3" rpy="3.14159265 0 0"/></joint>
<joint name="b" type="fixed"><parent link="task_board/m/sfp_port_0_link"/>
<child link="task_board/m/sfp_port_0_link_entrance"/><origin xyz="0 0 -0.0458"/></joint></robot>"""


def test_ports_are_read_from_the_description():
    ports = read_layout(URDF)
    assert list(ports) == ["m/sfp_port_0"]
    np.testing.assert_allclose(ports["m/sfp_port_0"].X_board_entrance[:3, 3], (0.1, 0.2, 0.3458), atol=1e-6)
    assert ports["m/sfp_port_0"].depth_m == pytest.approx(0.0458)


def test_a_description_without_the_board_is_refused():
    with pytest.raises(LayoutError, match="link 'plate' is not in the description; it has task_board"):
        read_layout(URDF, board_frame="plate")
    with pytest.raises(LayoutError, match="not XML") as caught:
        read_layout("<robot")
    assert caught.value.code == 922


@pytest.mark.parametrize("trial", [1, 2, 3])
def test_the_home_pose_shows_the_board_in_every_sample_trial(trial):
    X_goal = BOARDS[trial] @ PORTS[trial]
    X_goal[2, 3] += 0.08
    X_goal[:3, :3] = X_BASE_HOME[:3, :3]
    looks = choose_looks(viewer(rig(SETTINGS)), PATCHES, BOARDS[trial], PORTS[trial], X_BASE_HOME, X_goal)
    assert 2 <= len(looks) <= LookSettings().max_looks
    np.testing.assert_array_equal(looks[0].X_base_tcp, X_BASE_HOME)
    assert min(looks[0].corners.values()) >= 6
    assert set(looks[0].corners) == set(MOUNTS)
    assert looks[-1].port_sigma_m < looks[0].port_sigma_m < 0.0005
    length = sum(
        np.linalg.norm(b - a)
        for a, b in zip(
            [look.X_base_tcp[:3, 3] for look in looks],
            [look.X_base_tcp[:3, 3] for look in looks[1:]] + [X_goal[:3, 3]],
            strict=True,
        )
    )
    assert length < np.linalg.norm(X_goal[:3, 3] - X_BASE_HOME[:3, 3]) + 0.02


def test_no_look_is_proposed_where_the_board_cannot_be_seen():
    far = BOARDS[1] @ make_pose(np.eye(3), (1.5, 0.0, 0.0))
    X_goal = X_BASE_HOME.copy()
    assert choose_looks(viewer(rig(SETTINGS)), PATCHES, far, PORTS[1], X_BASE_HOME, X_goal) == []


def test_every_port_is_reported_by_design_until_the_board_is_seen():
    """By design: on the board where it is put, as surely as that is known."""
    layout = {PORT.name: PORT}
    expected = ExpectedBoard(BOARDS[1], 0.1, 0.5, sigma_m=0.02, sigma_rad=0.0)
    (reported,) = PortEstimator(viewer(rig(SETTINGS)), PATCHES, layout, expected=expected).ports(3.0)
    assert (reported.estimate.name, reported.looks, reported.covariance_to_tip) == (PORT.name, 0, None)
    assert reported.estimate.position_sigma_m == pytest.approx(0.02)
    assert np.array_equal(reported.estimate.X_base_entrance, BOARDS[1] @ PORT.X_board_entrance)
    with pytest.raises(ValueError, match="where to expect it"):
        PortEstimator(viewer(rig(SETTINGS)), PATCHES, layout).ports(0.0)
