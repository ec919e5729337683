"""What touches of flat faces say about the tip of a plug; exact faces and corners, known errors."""

from __future__ import annotations

import numpy as np
import pytest

from cablecell.core.fusion.plug_touch import FaceTouch, TouchedTip, leading_corner, touched
from cablecell.core.geometry import exp_se3, exp_so3, invert_pose, log_se3, make_pose, pose_from_xyz_rpy

X_BASE_BLOCK = pose_from_xyz_rpy((0.4, 0.1, 0.2), (np.pi, 0.0, 0.3))
X_TCP_TIP = make_pose(np.eye(3), [0.0, 0.0, 0.022])
CORNERS = np.array([[i * 0.006, j * 0.0035, 0.0] for i in (-1.0, 1.0) for j in (-1.0, 1.0)])
GRASP = np.diag([0.001**2] * 3 + [0.02**2] * 3)
X, Y, Z = np.eye(3)
LEANS = [(Z, X + Y), (Z, -X - Y), (Z, X - Y), (X, Y + Z), (X, Y - Z), (Y, Z - X), (Y, -Z - X)]


def touch(X_tcp_tip, X_base_block, direction, axes, noise=0.0):
    """Return a touch of the face at 8 mm: the corner that leads lies in it."""
    R = exp_so3(0.13 * axes)
    corner = leading_corner(CORNERS, make_pose(R, [0.0, 0.0, 0.0]), direction)
    offset = -0.008 if direction is not Z else 0.0
    # The tool is sent there by belief; the true plug touches when its corner is on the true face.
    X_base_tip = X_BASE_BLOCK @ make_pose(R, direction * offset - R @ corner)
    X_base_tcp = X_base_tip @ invert_pose(X_TCP_TIP)
    X_block_tip = invert_pose(X_base_block) @ X_base_tcp @ X_tcp_tip
    short = offset - float(direction @ (X_block_tip[:3, :3] @ corner + X_block_tip[:3, 3]))
    X_base_tcp[:3, 3] += X_base_block[:3, :3] @ direction * (short + noise)
    return FaceTouch(X_base_tcp, direction, offset, corner)


def test_seven_exact_touches_of_an_exact_block_find_all_six_coordinates():
    rng = np.random.default_rng(1)
    X_true = X_TCP_TIP @ exp_se3(rng.normal(0.0, [0.001] * 3 + [0.02] * 3))
    prior = TouchedTip.believed(X_TCP_TIP, GRASP, X_BASE_BLOCK, 1e-16 * np.eye(6))
    state, misfits = touched(prior, [touch(X_true, X_BASE_BLOCK, *lean) for lean in LEANS], 1e-6)
    error = log_se3(invert_pose(state.X_tcp_tip) @ X_true)
    assert np.abs(error[:3]).max() < 2e-6
    assert np.abs(error[3:]).max() < 5e-4
    assert misfits.max() < 3.0


def test_the_covariance_holds_the_errors_of_tip_and_block():
    rng, nees = np.random.default_rng(2), []
    block = np.diag([1.5e-4**2] * 3 + [0.002**2] * 3)
    for _ in range(150):
        X_true = X_TCP_TIP @ exp_se3(rng.normal(0.0, np.sqrt(np.diag(GRASP))))
        X_block = X_BASE_BLOCK @ exp_se3(rng.normal(0.0, np.sqrt(np.diag(block))))
        touches = [touch(X_true, X_block, *lean, noise=rng.normal(0.0, 5e-5)) for lean in LEANS]
        state, _ = touched(TouchedTip.believed(X_TCP_TIP, GRASP, X_BASE_BLOCK, block), touches, 5e-5)
        error = log_se3(invert_pose(state.X_tcp_tip) @ X_true)
        nees.append(error @ np.linalg.solve(state.tip_covariance, error))
    assert 6.0 * 0.8 < np.mean(nees) < 6.0 * 1.2  # 150 x 6 degrees of freedom: sigma 0.28


@pytest.mark.parametrize("which", range(len(LEANS)))
def test_a_touch_of_something_else_is_noticed(which):
    touches = [touch(X_TCP_TIP, X_BASE_BLOCK, *lean) for lean in LEANS]
    direction, axes = LEANS[which]
    touches[which] = touch(X_TCP_TIP, X_BASE_BLOCK, direction, axes, noise=-0.006)
    prior = TouchedTip.believed(X_TCP_TIP, GRASP, X_BASE_BLOCK, 1e-10 * np.eye(6))
    assert touched(prior, touches, 5e-5)[1].max() > 5.0
