"""Where the tip of a plug is in the gripper, from touching flat faces of a block whose place is known.

Every touch says of one corner of the plug that it lies in a face: d · p = c. Tip and block are one state, so an error
of the block's place is found where touches of several faces disagree, and stays in the covariance where they cannot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cablecell.core.geometry import adjoint, exp_se3, invert_pose, log_se3

Matrix = NDArray[np.float64]

_ROUNDS = 8


@dataclass(frozen=True)
class FaceTouch:
    """A corner of the plug on a face of the block.

    Attributes:
        X_base_tcp: Pose of the tool without what the grasp gives under the push, shape (4, 4).
        direction: Into the face, in the block's axes, shape (3,).
        offset_m: Of the face along it, from the block's origin.
        corner: Of the plug in the axes of its tip, shape (3,), m.
    """

    X_base_tcp: Matrix
    direction: Matrix
    offset_m: float
    corner: Matrix


@dataclass(frozen=True)
class TouchedTip:
    """Tip and block after some touches.

    Attributes:
        X_tcp_tip: Shape (4, 4).
        X_base_block: Shape (4, 4).
        covariance: Of their stacked right perturbations, tip first, shape (12, 12).
    """

    X_tcp_tip: Matrix
    X_base_block: Matrix
    covariance: Matrix

    @staticmethod
    def believed(X_tcp_tip: Matrix, tip: Matrix, X_base_block: Matrix, block: Matrix) -> TouchedTip:
        """Return the state before any touch, from poses and covariances, shape (6, 6)."""
        covariance = np.zeros((12, 12))
        covariance[:6, :6], covariance[6:, 6:] = tip, block
        return TouchedTip(X_tcp_tip, X_base_block, covariance)

    @property
    def tip_covariance(self) -> Matrix:
        """Covariance of the right perturbation of X_tcp_tip, shape (6, 6)."""
        return self.covariance[:6, :6]


def touched(prior: TouchedTip, touches: Sequence[FaceTouch], sigma_m: float) -> tuple[TouchedTip, Matrix]:
    """Return tip and block after touches, and how far each touch is from what they explain, in standard deviations.

    Iterated extended Kalman filter from the prior. The innovation of a touch is judged against the prior and all other
    touches: what is left of it, over the deviation that it should then have.

    Args:
        prior: Before the first touch.
        touches: All touches.
        sigma_m: Error of one touch, m.
    """
    information = np.linalg.inv(prior.covariance)
    X_tip, X_block = prior.X_tcp_tip, prior.X_base_block
    J, r = np.zeros((len(touches), 12)), np.zeros(len(touches))
    for _ in range(_ROUNDS):
        for i, touch in enumerate(touches):
            J[i], r[i] = _row(touch, X_tip, X_block)
        moved = np.concatenate(
            [log_se3(invert_pose(prior.X_tcp_tip) @ X_tip), log_se3(invert_pose(prior.X_base_block) @ X_block)]
        )
        H = information + J.T @ J / sigma_m**2
        step = np.linalg.solve(H, J.T @ r / sigma_m**2 - information @ moved)
        X_tip, X_block = X_tip @ exp_se3(step[:6]), X_block @ exp_se3(step[6:])
    covariance = np.asarray(np.linalg.inv(H), dtype=np.float64)
    left = sigma_m**2 - np.einsum("ij,jk,ik->i", J, covariance, J)
    return TouchedTip(X_tip, X_block, covariance), np.abs(r) / np.sqrt(np.maximum(left, 1e-4 * sigma_m**2))


def leading_corner(corners: Matrix, X_block_tip: Matrix, direction: Matrix) -> Matrix:
    """Return the corner, of shape (n, 3), that a plug in some pose has farthest along a direction, shape (3,)."""
    return np.asarray(corners[int(np.argmax(corners @ (X_block_tip[:3, :3].T @ direction)))])


def _row(touch: FaceTouch, X_tcp_tip: Matrix, X_base_block: Matrix) -> tuple[Matrix, float]:
    """Return how a touch's distance from its face changes with (tip, block), shape (12,), and what is missing of it."""
    X_block_tip = invert_pose(X_base_block) @ touch.X_base_tcp @ X_tcp_tip
    d = X_block_tip[:3, :3].T @ touch.direction
    tip = np.concatenate([d, np.cross(touch.corner, d)])
    block = -adjoint(invert_pose(X_block_tip)).T @ tip
    place = float(touch.direction @ (X_block_tip[:3, :3] @ touch.corner + X_block_tip[:3, 3]))
    return np.concatenate([tip, block]), touch.offset_m - place
