"""Inverse kinematics of the arm with its tool: all branches, within limits, nearest first."""

from __future__ import annotations

import math

import numpy as np
import pinocchio as pin  # type: ignore[import-untyped]
from numpy.typing import ArrayLike, NDArray

from cablecell.core.geometry import invert_pose, is_pose, pose_difference
from cablecell.core.motion.errors import NoIkSolutionError, RobotModelError
from cablecell.core.motion.model import LIMIT_TOLERANCE_RAD, RobotModel
from cablecell.core.motion.ur_geometry import UrGeometry

Array = NDArray[np.float64]

RESIDUAL_LIMIT = 1e-9
"""Largest difference between a solution's pose and the one asked for, m and rad."""

_NOMINAL = 1e-9
"""A description that differs less than this from the DH form, m and rad, is solved in closed form alone."""

_CALIBRATED = 0.02
"""A description that differs more than this from the DH form, m and rad, is not of a UR arm."""

_NEWTON_STEPS = 12

_TURN = 2.0 * math.pi


class InverseKinematics:
    """Inverse kinematics of one tool frame.

    The closed form gives every branch of the nominal arm. A real arm's calibrated description departs from it by
    tenths of a millimetre; there the branches are the start of a Newton iteration on the model itself.

    Attributes:
        model: The arm.
        tip_frame: Frame whose pose is asked for.
        geometry: Lengths read from the description.
        is_exact: False where the description is calibrated, so that every solution is refined.
    """

    def __init__(self, model: RobotModel, tip_frame: str = "tcp") -> None:
        """Read the arm's geometry from its model.

        Raises:
            RobotModelError: The arm is not of the UR kind.
            UnknownFrameError: The tip frame does not exist.
        """
        self.model = model
        self.tip_frame = tip_frame
        self.geometry = _read_geometry(model)
        self._X_0_base = invert_pose(model.fk(np.zeros(model.dof), "base_link_inertia"))
        self._X_tip_6 = model.relative_pose(tip_frame, "wrist_3_link")
        probe = np.array([0.3, -1.1, 1.4, -0.7, 0.9, 0.5])
        difference = pose_difference(_dh_pose(self.geometry, probe), self._X_0_base @ model.fk(probe, "wrist_3_link"))
        deviation = float(np.abs(difference).max())
        if deviation > _CALIBRATED:
            raise RobotModelError(
                f"the arm differs by {deviation:.3f} m or rad from the DH form of a UR arm; the limit is {_CALIBRATED}",
                quantity="dh_deviation",
                value=deviation,
                limit=_CALIBRATED,
            )
        self.is_exact = deviation < _NOMINAL

    def solve_all(self, X_base_tip: ArrayLike, q_reference: ArrayLike) -> list[Array]:
        """Return all configurations within the limits that reach a pose, the nearest to a reference first.

        Each joint is turned by whole turns to be as near to the reference as its limits allow. Where the wrist is
        aligned, joint 6 keeps its value of the reference.

        Args:
            X_base_tip: Wanted pose of the tip in `base_link`, shape (4, 4).
            q_reference: Joint positions, shape (6,), rad, usually the present ones.

        Returns:
            Joint vectors whose pose is within 1e-9 m and rad of the one asked for; none if it is out of reach.

        Raises:
            ValueError: The pose is not a rigid motion.
        """
        X = np.asarray(X_base_tip, dtype=float)
        if not is_pose(X):
            raise ValueError(f"wanted pose of {self.tip_frame} is not a rigid motion:\n{X}")
        reference = self.model.joint_vector(q_reference)
        solutions = []
        for branch in self.branches(X, reference):
            q = self._wrap(branch, reference)
            if q is None:
                continue
            refined = self._refine(q, X)
            if refined is not None and self._is_within_limits(refined):
                solutions.append(refined)
        return sorted(solutions, key=lambda q: float(np.linalg.norm(q - reference)))

    def solve(self, X_base_tip: ArrayLike, q_reference: ArrayLike) -> Array:
        """Return the configuration nearest to a reference that reaches a pose.

        Raises:
            NoIkSolutionError: There is none; the message tells reach from limits.
        """
        solutions = self.solve_all(X_base_tip, q_reference)
        if solutions:
            return solutions[0]
        X = np.asarray(X_base_tip, dtype=float)
        where = ", ".join(f"{value:.4f}" for value in X[:3, 3])
        if self.geometry.solve((self._X_0_base @ X @ self._X_tip_6).tolist()):
            reason, limit = "every solution breaks a joint limit", "joint limits"
        else:
            reach = abs(self.geometry.a2) + abs(self.geometry.a3) + self.geometry.d5 + self.geometry.d6
            reason = f"it is out of reach (the arm reaches {reach:.3f} m from its shoulder to wrist_3_link)"
            limit = f"{reach:.3f}"
        raise NoIkSolutionError(
            f"no joint configuration puts {self.tip_frame} at ({where}) m in base_link: {reason}",
            quantity=f"pose of {self.tip_frame}",
            value=where,
            limit=limit,
            unit="m",
            frame="base_link",
        )

    def branches(self, X_base_tip: Array, q_reference: Array) -> list[tuple[float, ...]]:
        """Return the closed-form solutions as they come: unwrapped, without limits, of the nominal arm."""
        X_06 = self._X_0_base @ X_base_tip @ self._X_tip_6
        return list(self.geometry.solve(X_06.tolist(), float(q_reference[5])))

    def follow(self, X_base_tip: Array, q_previous: Array) -> Array | None:
        """Return the solution that continues a motion: the branch nearest to the previous sample, limits not applied.

        Unlike `solve_all` it trusts the closed form of an exact arm, so it is fast enough for every sample of a line.
        """
        near = q_previous.tolist()
        best: Array | None = None
        best_jump = math.inf
        for branch in self.branches(X_base_tip, q_previous):
            q = [value - _TURN * round((value - old) / _TURN) for value, old in zip(branch, near, strict=True)]
            jump = max(abs(value - old) for value, old in zip(q, near, strict=True))
            if jump < best_jump:
                best, best_jump = np.array(q), jump
        if best is None or self.is_exact:
            return best
        return self._refine(best, X_base_tip)

    def _wrap(self, branch: tuple[float, ...], reference: Array) -> Array | None:
        limits = self.model.limits
        lower, upper = limits.lower.tolist(), limits.upper.tolist()
        wrapped = []
        for value, near, low, high in zip(branch, reference.tolist(), lower, upper, strict=True):
            angle = value - _TURN * round((value - near) / _TURN)
            if angle > high + LIMIT_TOLERANCE_RAD:
                angle -= _TURN
            elif angle < low - LIMIT_TOLERANCE_RAD:
                angle += _TURN
            if not low - LIMIT_TOLERANCE_RAD <= angle <= high + LIMIT_TOLERANCE_RAD:
                return None
            wrapped.append(min(max(angle, low), high))
        return np.array(wrapped)

    def _refine(self, q: Array, X_base_tip: Array) -> Array | None:
        """Return the configuration moved onto the pose by Newton steps, or None if it does not get there."""
        goal = pin.SE3(X_base_tip)
        best, current = q, q
        best_residual = math.inf
        for _ in range(_NEWTON_STEPS):
            error = self.model.tip_error(current, self.tip_frame, goal)
            residual = float(np.abs(error).max())
            if residual < best_residual:
                best, best_residual = current, residual
            if residual < 0.1 * RESIDUAL_LIMIT or residual > 10.0 * best_residual:
                break
            J = self.model.body_jacobian(current, self.tip_frame)
            # Damping in the size of the rounding error keeps the step small at a singularity.
            current = current + J.T @ np.linalg.solve(J @ J.T + 1e-12 * np.eye(6), error)
        return best if best_residual <= RESIDUAL_LIMIT else None

    def _is_within_limits(self, q: Array) -> bool:
        lower, upper = self.model.limits.lower - LIMIT_TOLERANCE_RAD, self.model.limits.upper + LIMIT_TOLERANCE_RAD
        return bool(np.all(q >= lower) and np.all(q <= upper))


def _read_geometry(model: RobotModel) -> UrGeometry:
    if model.dof != 6:
        raise RobotModelError(
            f"the arm has {model.dof} joints; a UR arm has 6", quantity="joints", value=model.dof, limit=6
        )
    placements = [np.array(placement.translation) for placement in model.pin_model.jointPlacements][1:]
    base = model.fk(np.zeros(6), "base_link_inertia")
    shoulder = model.fk(np.zeros(6), "shoulder_link")
    return UrGeometry(
        d1=float((invert_pose(base) @ shoulder)[2, 3]),
        a2=float(placements[2][0]),
        a3=float(placements[3][0]),
        d4=float(placements[3][2]),
        d5=float(-placements[4][1]),
        d6=float(placements[5][1]),
    )


def _dh_pose(geometry: UrGeometry, q: Array) -> Array:
    """Return DH frame 6 in DH frame 0 by the textbook product of link matrices."""
    rows = (
        (geometry.d1, 0.0, 0.5 * math.pi),
        (0.0, geometry.a2, 0.0),
        (0.0, geometry.a3, 0.0),
        (geometry.d4, 0.0, 0.5 * math.pi),
        (geometry.d5, 0.0, -0.5 * math.pi),
        (geometry.d6, 0.0, 0.0),
    )
    X: Array = np.eye(4)
    for angle, (d, a, alpha) in zip(q, rows, strict=True):
        c, s, ca, sa = math.cos(angle), math.sin(angle), math.cos(alpha), math.sin(alpha)
        X = X @ np.array(
            [[c, -s * ca, s * sa, a * c], [s, c * ca, -c * sa, a * s], [0.0, sa, ca, d], [0.0, 0.0, 0.0, 1.0]]
        )
    return X
