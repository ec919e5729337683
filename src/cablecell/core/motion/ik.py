"""Inverse kinematics of the arm with its tool: all branches, within limits, nearest first."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cablecell.core.geometry import invert_pose, pose_difference
from cablecell.core.motion import calibrated_kernel, ik_kernel
from cablecell.core.motion.chain import SerialChain
from cablecell.core.motion.errors import NoIkSolutionError, RobotModelError
from cablecell.core.motion.model import LIMIT_TOLERANCE_RAD, RobotModel
from cablecell.core.motion.ur_geometry import ROUNDING, UrGeometry

Array = NDArray[np.float64]

RESIDUAL_LIMIT = 1e-9
"""Largest difference between a solution's pose and the one asked for, m and rad."""

_NOMINAL = 1e-9
"""A description that differs less than this from the DH form, m and rad, is solved in closed form alone."""

_CALIBRATED = 0.02
"""A description that differs more than this from the DH form, m and rad, is not of a UR arm."""

_CALIBRATED_SLACK = 0.06
"""How far out of the nominal arm's reach, as a cosine, a calibrated one may still get."""

_STARTS = 64
"""Starts of the numeric solver; a six-axis arm without a closed form shows nearly all of its branches."""

_NUMERIC_SOLUTIONS = 32
"""Most configurations the numeric solver keeps; a redundant arm has a continuum of them."""


class IkSolver(Protocol):
    """Inverse kinematics of one tip frame of one arm.

    Attributes:
        model: The arm.
        tip_frame: Frame whose pose is asked for.
        chain: Its constant part, for compiled loops.
    """

    model: RobotModel
    tip_frame: str
    chain: SerialChain

    def solve_all(self, X_base_tip: ArrayLike, q_reference: ArrayLike) -> list[Array]:
        """Return the configurations within the limits that reach a pose, the nearest to a reference first."""
        ...

    def solve(self, X_base_tip: ArrayLike, q_reference: ArrayLike) -> Array:
        """Return the nearest of them; raises `NoIkSolutionError` where there is none."""
        ...

    def follow(self, X_base_tip: Array, q_previous: Array) -> Array | None:
        """Return the solution that continues a motion, limits not applied."""
        ...


def make_ik(model: RobotModel, tip_frame: str = "tcp") -> IkSolver:
    """Return the closed form where the arm is of the UR kind, else the numeric solver.

    Raises:
        RobotModelError: The arm is no chain of revolute joints, or has fewer than 6.
        UnknownFrameError: The tip frame does not exist.
    """
    if _is_ur(model):
        return InverseKinematics(model, tip_frame)
    return NumericInverseKinematics(model, tip_frame)


class InverseKinematics:
    """Closed-form inverse kinematics of one tool frame of a UR arm, in about ten microseconds.

    The closed form gives every branch of the nominal arm. A real arm's calibrated description departs from it by
    tenths of a millimetre; there the branches are the starts of Newton steps on the description itself, with more
    starts next to a singular shell. Either way a solution counts only if forward kinematics confirms it.

    Attributes:
        model: The arm.
        tip_frame: Frame whose pose is asked for.
        chain: Its constant part, for compiled loops.
        geometry: Lengths read from the description.
        is_exact: False where the description is calibrated.
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
        self.chain = SerialChain.of(model, tip_frame)
        self._X_0_base = invert_pose(model.fk(np.zeros(model.dof), "base_link_inertia"))
        self._X_tip_6 = model.relative_pose(tip_frame, "wrist_3_link")
        deviation = _deviation(model, self.geometry)
        if deviation > _CALIBRATED:
            raise RobotModelError(
                f"the arm differs by {deviation:.3f} m or rad from the DH form of a UR arm; the limit is {_CALIBRATED}",
                quantity="dh_deviation",
                value=deviation,
                limit=_CALIBRATED,
            )
        self.is_exact = deviation < _NOMINAL
        slack = ROUNDING if self.is_exact else _CALIBRATED_SLACK
        self._arm = (
            self.chain.blocks,
            self.chain.tip,
            self.geometry.lengths,
            self._X_0_base,
            np.ascontiguousarray(self._X_tip_6),
            slack,
        )
        self._limits = (model.limits.lower, model.limits.upper)
        self._found = np.empty((16, 6))  # what a chain of six joints can have at most

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
        X, reference = _as_pose(X_base_tip), self.model.joint_vector(q_reference)
        solve = ik_kernel.solve_ur if self.is_exact else calibrated_kernel.solve_calibrated
        count = solve(*self._arm, *self._limits, X, reference, self._found, LIMIT_TOLERANCE_RAD, RESIDUAL_LIMIT)
        if count < 0:
            raise ValueError(f"wanted pose of {self.tip_frame} is not a rigid motion:\n{X}")
        return list(self._found[:count].copy())

    def solve(self, X_base_tip: ArrayLike, q_reference: ArrayLike) -> Array:
        """Return the configuration nearest to a reference that reaches a pose.

        Raises:
            NoIkSolutionError: There is none; the message tells reach from limits.
        """
        solutions = self.solve_all(X_base_tip, q_reference)
        if solutions:
            return solutions[0]
        X = np.asarray(X_base_tip, dtype=float)
        if len(self.branches(X, self.model.joint_vector(q_reference))):
            reason, limit = "every solution breaks a joint limit", "joint limits"
        else:
            reach = abs(self.geometry.a2) + abs(self.geometry.a3) + self.geometry.d5 + self.geometry.d6
            reason = f"it is out of reach (the arm reaches {reach:.3f} m from its shoulder to wrist_3_link)"
            limit = f"{reach:.3f}"
        raise _no_solution(self.tip_frame, X, reason, limit)

    def branches(self, X_base_tip: Array, q_reference: Array) -> Array:
        """Return the closed-form solutions of the nominal arm as they come, shape (k, 6), without limits."""
        return self.geometry.solve(self._X_0_base @ X_base_tip @ self._X_tip_6, float(q_reference[5]))

    def follow(self, X_base_tip: Array, q_previous: Array) -> Array | None:
        """Return the solution that continues a motion: the branch nearest to the last sample, limits not applied."""
        q = q_previous.copy()
        return q if ik_kernel.follow_ur(*self._arm, X_base_tip, q, RESIDUAL_LIMIT) else None

    @property
    def kernel_arguments(self) -> tuple[Array, Array, Array, Array, Array, float]:
        """The arm as `ik_kernel.follow_ur` takes it."""
        return self._arm


class NumericInverseKinematics:
    """Inverse kinematics of any chain of six or seven revolute joints: Newton steps from seeded starts.

    Slower than a closed form (about a millisecond), and no proof that a pose is out of reach; it is for arms that have
    none. A redundant arm gets a sample of its solutions.

    Attributes:
        model: The arm.
        tip_frame: Frame whose pose is asked for.
        chain: Its constant part, for compiled loops.
    """

    def __init__(self, model: RobotModel, tip_frame: str, *, starts: int = _STARTS, seed: int = 0) -> None:
        """Read the chain and draw the starts.

        Raises:
            RobotModelError: The arm is no chain of revolute joints, or has fewer than 6.
            UnknownFrameError: The tip frame does not exist.
        """
        if model.dof < 6:
            raise RobotModelError(
                f"the arm has {model.dof} joints; reaching a pose takes at least 6",
                quantity="joints",
                value=model.dof,
                limit=6,
            )
        self.model = model
        self.tip_frame = tip_frame
        self.chain = SerialChain.of(model, tip_frame)
        lower, upper = np.maximum(model.limits.lower, -math.pi), np.minimum(model.limits.upper, math.pi)
        self._starts = np.random.default_rng(seed).uniform(lower, upper, (starts, model.dof))
        self._found = np.empty((_NUMERIC_SOLUTIONS, model.dof))

    def solve_all(self, X_base_tip: ArrayLike, q_reference: ArrayLike) -> list[Array]:
        """Return the configurations found within the limits, the nearest to a reference first.

        Args:
            X_base_tip: Wanted pose of the tip in `base_link`, shape (4, 4).
            q_reference: Joint positions, shape (n,), rad; the first start.

        Raises:
            ValueError: The pose is not a rigid motion.
        """
        X, reference = _as_pose(X_base_tip), self.model.joint_vector(q_reference)
        limits = self.model.limits
        count = ik_kernel.solve_numeric(
            self.chain.blocks,
            self.chain.tip,
            limits.lower,
            limits.upper,
            X,
            reference,
            self._starts,
            self._found,
            LIMIT_TOLERANCE_RAD,
            RESIDUAL_LIMIT,
        )
        if count < 0:
            raise ValueError(f"wanted pose of {self.tip_frame} is not a rigid motion:\n{X}")
        return list(self._found[:count].copy())

    def solve(self, X_base_tip: ArrayLike, q_reference: ArrayLike) -> Array:
        """Return the configuration nearest to a reference that was found.

        Raises:
            NoIkSolutionError: None was.
        """
        solutions = self.solve_all(X_base_tip, q_reference)
        if solutions:
            return solutions[0]
        reason = f"none was found from {len(self._starts) + 1} starts"
        raise _no_solution(self.tip_frame, np.asarray(X_base_tip, dtype=float), reason, "reach and joint limits")

    def follow(self, X_base_tip: Array, q_previous: Array) -> Array | None:
        """Return the solution that continues a motion with the smallest joint motion, limits not applied."""
        q = q_previous.copy()
        is_there = ik_kernel.follow_numeric(self.chain.blocks, self.chain.tip, X_base_tip, q, RESIDUAL_LIMIT)
        return q if is_there else None


def _as_pose(X_base_tip: ArrayLike) -> Array:
    X = np.ascontiguousarray(X_base_tip, dtype=float)
    if X.shape != (4, 4):
        raise ValueError(f"a pose has shape (4, 4); this is not a rigid motion: {X.shape}")
    return X


def _no_solution(tip_frame: str, X: Array, reason: str, limit: str) -> NoIkSolutionError:
    where = ", ".join(f"{value:.4f}" for value in X[:3, 3])
    return NoIkSolutionError(
        f"no joint configuration puts {tip_frame} at ({where}) m in base_link: {reason}",
        quantity=f"pose of {tip_frame}",
        value=where,
        limit=limit,
        unit="m",
        frame="base_link",
    )


def _is_ur(model: RobotModel) -> bool:
    frames = set(model.frame_names)
    if model.dof != 6 or not {"base_link_inertia", "shoulder_link", "wrist_3_link"} <= frames:
        return False
    return _deviation(model, _read_geometry(model)) <= _CALIBRATED


def _deviation(model: RobotModel, geometry: UrGeometry) -> float:
    """Return how far the arm is from the DH form, m and rad, at a configuration without symmetry."""
    probe = np.array([0.3, -1.1, 1.4, -0.7, 0.9, 0.5])
    X_0_base = invert_pose(model.fk(np.zeros(model.dof), "base_link_inertia"))
    difference = pose_difference(_dh_pose(geometry, probe), X_0_base @ model.fk(probe, "wrist_3_link"))
    return float(np.abs(difference).max())


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
