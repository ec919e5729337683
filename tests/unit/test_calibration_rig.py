"""Hand-eye and lens calibration: exact on exact data, honest on noisy data, and every fault has its code."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cablecell.core.calibration.closed_forms import METHODS, relative_motions, rotation_spread
from cablecell.core.calibration.equations import Noise, image_jacobian
from cablecell.core.calibration.errors import (
    CalibrationError,
    NotConvergedError,
    ResidualTooHighError,
    RotationsTooParallelError,
    TargetNotSeenError,
    TooFewViewsError,
    UnobservableError,
)
from cablecell.core.calibration.lens_fit import calibrate_lens
from cablecell.core.calibration.next_views import ExpectedRig, candidate_tools, choose_views
from cablecell.core.calibration.pivot import calibrate_pivot
from cablecell.core.calibration.rig import calibrate_rig
from cablecell.core.config.calibration import CalibrationSettings
from cablecell.core.geometry import exp_se3, invert_pose, log_se3, pose_from_xyz_rpy, transform_point
from tests.support.calibration_views import NOMINAL_LENSES, make_views, nominal_mounts


def random_pose(rng):
    return exp_se3(rng.normal(size=6) * ([0.3] * 3 + [0.8] * 3))


@pytest.mark.parametrize("method", METHODS)
def test_a_closed_form_is_exact_on_exact_motions(method):
    rng = np.random.default_rng(11)
    X, board = random_pose(rng), random_pose(rng)
    tools = [random_pose(rng) for _ in range(6)]
    targets = [invert_pose(tool @ X) @ board for tool in tools]
    found = METHODS[method](relative_motions(tools, targets))
    assert np.abs(log_se3(invert_pose(X) @ found)).max() < 1e-9


def test_a_calibration_is_exact_on_exact_views():
    made = make_views(12, 3)
    result = calibrate_rig(made.views, made.lenses)
    errors = made.errors(result)
    mounts = np.concatenate([errors[6 + 13 * i : 12 + 13 * i] for i in range(3)])
    assert np.abs(mounts).max() < 1e-9
    assert np.abs(errors).max() < 1e-6, "lenses to a millionth of a pixel"


def test_the_lens_is_inverted_by_its_rectification():
    lens = make_views(1, 1).lenses["left"]
    rays = np.random.default_rng(2).uniform(-0.45, 0.45, (200, 2))
    points = np.column_stack([rays, np.ones(200)])
    pinhole = replace(lens, values=np.array([*lens.values[:4], 0.0, 0.0, 0.0]))
    assert np.abs(lens.rectified(lens.project(points)) - pinhole.project(points)).max() < 1e-9


def test_derivatives_are_those_of_differences():
    made = make_views(1, 5)
    view = made.views[0]
    corners, lens = view.corners["left"], made.lenses["left"]
    X = invert_pose(view.X_base_tcp @ made.mounts["left"]) @ made.X_base_target
    _, J = image_jacobian(corners.points, X, lens)
    step = 1e-6
    for i in range(13):
        d = np.zeros(13)
        d[i] = step
        ends = []
        for sign in (1.0, -1.0):
            moved = replace(lens, values=lens.values + sign * d[6:])
            ends.append(moved.project(transform_point(X @ exp_se3(sign * d[:6]), corners.points)))
        assert np.abs((ends[0] - ends[1]) / (2.0 * step) - J[:, :, i]).max() < 1e-3 * max(1.0, np.abs(J[:, :, i]).max())


def test_the_covariance_is_that_of_repetitions():
    """Mean squared Mahalanobis distance over 8 repetitions is the dimension, within three standard deviations."""
    distances, size = [], 0
    settings = CalibrationSettings(shared_sigma_px=0.0)
    for seed in range(8):
        made = make_views(14, 500 + seed, corner_px=0.05, tool_m=1e-4, tool_rad=2e-4)
        result = calibrate_rig(made.views, NOMINAL_LENSES, settings)
        errors = made.errors(result)
        size = len(errors)
        distances.append(errors @ np.linalg.solve(result.covariance, errors))
    mean = float(np.mean(distances)) / size
    assert abs(mean - 1.0) < 0.25, mean


def test_the_scatter_of_corners_and_tool_is_found():
    made = make_views(30, 42, corner_px=0.05, tool_m=1e-4, tool_rad=2e-4)
    noise = calibrate_rig(made.views, NOMINAL_LENSES).noise
    assert noise.corner_px == pytest.approx(0.05, rel=0.1)
    assert noise.tool[0] == pytest.approx(1e-4, rel=0.35)
    assert noise.tool[3] == pytest.approx(2e-4, rel=0.35)


def test_views_that_contradict_the_others_are_left_out():
    made = make_views(16, 7, corner_px=0.05, tool_m=5e-5, tool_rad=1e-4)
    for index in (3, 9):
        bad = made.views[index]
        made.views[index] = replace(bad, X_base_tcp=bad.X_base_tcp @ exp_se3([0.004, 0.0, 0.0, 0.0, 0.02, 0.0]))
    result = calibrate_rig(made.views, NOMINAL_LENSES)
    assert result.rejected_views == (3, 9)
    assert np.abs(made.errors(result)[6:9]).max() < 2e-4


def test_corners_that_are_wrong_do_no_harm():
    made = make_views(14, 8, corner_px=0.05)
    rng = np.random.default_rng(1)
    for view in made.views:
        pixels = view.corners["left"].pixels
        pixels[rng.integers(len(pixels), size=3)] += rng.uniform(5.0, 30.0, (3, 2))
    result = calibrate_rig(made.views, NOMINAL_LENSES)
    at = result.state.column("left")
    errors, sigma = made.errors(result)[at : at + 6], np.sqrt(np.diag(result.covariance))[at : at + 6]
    assert np.abs(errors / sigma).max() < 4.0


def _without(camera, made):
    made.views[:] = [
        replace(view, corners={name: c for name, c in view.corners.items() if name != camera}) for view in made.views
    ]
    return made


def _shifted(made, share):
    for view in made.views[: int(share * len(made.views))]:
        view.corners["left"].pixels[:] += 40.0
    return made


def _noisy(made):
    rng = np.random.default_rng(3)
    for view in made.views:
        for corners in view.corners.values():
            corners.pixels[:] += rng.normal(size=corners.pixels.shape) * 1.0
    return made


@pytest.mark.parametrize(
    ("make", "settings", "error", "words"),
    [
        (lambda: make_views(5, 1), {}, TooFewViewsError, "5 views; at least 8"),
        (lambda: _without("right", make_views(10, 1)), {}, TargetNotSeenError, "'right' did not see"),
        (lambda: make_views(10, 1, tilt_rad=0.0), {}, RotationsTooParallelError, "second of its axes"),
        (lambda: _noisy(make_views(12, 1)), {}, ResidualTooHighError, "rms residual"),
        (
            lambda: make_views(12, 1, corner_px=0.05, tool_m=3e-3),
            {"max_mount_sigma_m": 0.05, "max_mount_sigma_rad": 0.1},
            ResidualTooHighError,
            "scatter of the tool poses",
        ),
        (
            lambda: make_views(12, 1, corner_px=0.05, tool_m=1e-4),
            {"max_mount_sigma_m": 1e-6},
            UnobservableError,
            "uncertainty of left, place of its mount",
        ),
    ],
)
def test_a_calibration_that_fails_says_why(make, settings, error, words):
    with pytest.raises(error, match=words) as caught:
        calibrate_rig(make().views, NOMINAL_LENSES, CalibrationSettings(**settings))
    assert caught.value.quantity
    assert caught.value.limit
    assert isinstance(caught.value, CalibrationError)


def test_a_refinement_that_swings_says_so(monkeypatch):
    monkeypatch.setattr("cablecell.core.calibration.rig._STEPS", 1)
    with pytest.raises(NotConvergedError, match="still moved"):
        calibrate_rig(make_views(10, 1, corner_px=0.05, tool_m=1e-4).views, NOMINAL_LENSES)


def test_turns_about_one_axis_have_no_spread():
    tools = [pose_from_xyz_rpy((0, 0, 0), (0, 0, angle)) for angle in np.linspace(0.0, 1.0, 6)]
    assert rotation_spread(tools) < 1e-12


def test_the_lens_alone_is_found_without_the_arm():
    made = make_views(14, 21, corner_px=0.05, tool_m=0.01, tool_rad=0.05)
    found = calibrate_lens(made.views, "left", NOMINAL_LENSES["left"])
    error = found.lens.values - made.lenses["left"].values
    assert np.abs(error / found.sigma).max() < 4.0
    assert found.rms_px == pytest.approx(0.05, rel=0.15)


def test_a_lens_that_only_faces_the_target_is_refused():
    made = make_views(12, 21, corner_px=0.3, tilt_rad=0.0, turn_rad=0.1)
    with pytest.raises((UnobservableError, ResidualTooHighError), match="center"):
        calibrate_lens(made.views, "center", NOMINAL_LENSES["center"], CalibrationSettings(max_focal_sigma=1e-4))


def test_chosen_views_tell_more_than_the_first_ones():
    target = pose_from_xyz_rpy((0.4, 0.1, 0.0), (0, 0, 0.3))
    points = make_views(1, 1).views[0].corners["left"].points
    noise = Noise(0.05, 0.02, np.array([1e-4] * 3 + [2e-4] * 3))
    rig = ExpectedRig(target, points, nominal_mounts(), NOMINAL_LENSES, noise)
    candidates = candidate_tools(target, count=60, seed=4)
    chosen = choose_views(rig, candidates, 10)
    assert len(set(chosen)) == 10
    assert all(rig.predict(candidates[number]).corners for number in chosen)
    spread = rotation_spread([candidates[number] for number in chosen])
    assert spread > rotation_spread(candidates[:10])


def touches(count, seed, *, scatter_m=0.0, tilt_rad=0.4):
    rng = np.random.default_rng(seed)
    tip, point, poses = np.array([0.002, -0.02, 0.05]), np.array([0.4, 0.1, 0.2]), []
    for _ in range(count):
        X = pose_from_xyz_rpy(
            (0, 0, 0), (np.pi + rng.uniform(-tilt_rad, tilt_rad), *rng.uniform(-tilt_rad, tilt_rad, 2))
        )
        X[:3, 3] = point + rng.normal(size=3) * scatter_m - X[:3, :3] @ tip
        poses.append(X)
    return tip, point, poses


def test_a_pivot_is_exact_on_exact_touches():
    tip, point, poses = touches(6, 1)
    found = calibrate_pivot(poses)
    assert np.abs(found.p_tcp_tip - tip).max() < 1e-12
    assert np.abs(found.p_base_point - point).max() < 1e-12


def test_the_covariance_of_a_pivot_is_that_of_repetitions():
    """The residuals weigh few degrees of freedom, so the distance follows F(6, 3n - 6): its mean is known."""
    ratios = []
    for seed in range(200):
        tip, point, poses = touches(14, 1000 + seed, scatter_m=5e-5)
        found = calibrate_pivot(poses)
        error = np.concatenate([found.p_tcp_tip - tip, found.p_base_point - point])
        ratios.append(error @ np.linalg.solve(found.covariance, error) / 6.0)
    assert np.mean(ratios) == pytest.approx(36.0 / 34.0, rel=0.25)


def test_a_touch_that_slipped_hardly_counts():
    tip, _, poses = touches(12, 3, scatter_m=2e-5)
    poses[4][:3, 3] += [0.002, 0.0, 0.0]
    found = calibrate_pivot(poses, max_sigma_m=0.01)
    assert np.abs(found.p_tcp_tip - tip).max() < 3e-4


@pytest.mark.parametrize(
    ("poses", "error", "words"),
    [
        (touches(4, 1)[2], TooFewViewsError, "4 touches"),
        (touches(8, 1, tilt_rad=0.02)[2], RotationsTooParallelError, "second of its axes"),
        (touches(8, 1, scatter_m=0.003)[2], ResidualTooHighError, "scatter by"),
    ],
)
def test_a_pivot_that_fails_says_why(poses, error, words):
    with pytest.raises(error, match=words):
        calibrate_pivot(poses)
