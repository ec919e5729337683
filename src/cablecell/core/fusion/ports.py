"""Port poses with covariance: the estimated board, the module as found on its rail, and the tolerance of the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.estimator import EstimatorSettings
from cablecell.core.config.port_vision import PortVisionSettings
from cablecell.core.fusion.board import ExpectedBoard
from cablecell.core.fusion.board_state import BoardState, kinematics_covariance
from cablecell.core.geometry import adjoint, invert_pose
from cablecell.core.perception.layout import NominalPort
from cablecell.core.perception.modules import Freedom, ModuleDesign
from cablecell.core.perception.outcome import NoEstimate, Reason

Matrix = NDArray[np.float64]

BY_DESIGN = "nominal layout"
"""Source of a port that was not seen itself."""

_REACH_M = 0.065
"""From where a port was looked at last to where the tool is when the plug touches it."""


@dataclass(frozen=True)
class PortEstimate:
    """Where a port is.

    Attributes:
        name: `<module>/<port>`.
        stamp_s: Time the estimate is valid for, s.
        X_base_entrance: Pose of the port's mouth in `base_link`, z into the port, shape (4, 4).
        covariance: Of its right perturbation (v, w), that is along the axes of the mouth, shape (6, 6), m and rad.
        depth_m: From the mouth to the seated tip, m.
        age_s: Since the board was last seen, s.
        sources: What the estimate rests on.
    """

    name: str
    stamp_s: float
    X_base_entrance: Matrix
    covariance: Matrix
    depth_m: float
    age_s: float
    sources: tuple[str, ...]

    @property
    def position_sigma_m(self) -> float:
        """Standard deviation of the position along its least certain direction, m."""
        return float(np.sqrt(np.linalg.eigvalsh(self.covariance[:3, :3])[-1]))

    @property
    def lateral_sigma_m(self) -> float:
        """Standard deviation across the insertion direction, least certain direction, m; sizes a search."""
        return float(np.sqrt(np.linalg.eigvalsh(self.covariance[:2, :2])[-1]))


@dataclass(frozen=True)
class PortOnBoard:
    """A port on a board in the state: where, how it moves with the state, and what is not in the state.

    Attributes:
        X_board_entrance: Its pose in `task_board`, shape (4, 4).
        M: How a right perturbation of X_base_entrance follows from the error state, shape (6, n).
        tolerance: Covariance of what the state does not hold, in the axes of the mouth, shape (6, 6).
        sources: What it rests on.
    """

    X_board_entrance: Matrix
    M: Matrix
    tolerance: Matrix
    sources: tuple[str, ...]

    @staticmethod
    def by_design(
        board: BoardState, port: NominalPort, settings: EstimatorSettings, *, layout_sigma_m: float | None = None
    ) -> PortOnBoard:
        """Return a port that is where the layout has it, but for the layout's tolerance."""
        sigma_m = settings.layout_sigma_m if layout_sigma_m is None else layout_sigma_m
        M = np.zeros((6, len(board.covariance)))
        M[:, :6] = adjoint(invert_pose(port.X_board_entrance))
        tolerance = np.diag([sigma_m**2] * 3 + [settings.layout_sigma_rad**2] * 3)
        return PortOnBoard(port.X_board_entrance, M, tolerance, (BY_DESIGN,))

    @staticmethod
    def on_module(
        board: BoardState, port: NominalPort, module: ModuleDesign, settings: PortVisionSettings
    ) -> PortOnBoard:
        """Return a port whose module was found."""
        X_module_entrance = module.ports[port.name]
        X_board_entrance = board.modules[module.name] @ X_module_entrance
        M = np.zeros((6, len(board.covariance)))
        M[:, :6] = adjoint(invert_pose(X_board_entrance))
        M[:, board.module_block(module.name)] = adjoint(invert_pose(X_module_entrance))
        tolerance = np.diag([settings.geometry_sigma_m**2] * 3 + [settings.geometry_sigma_rad**2] * 3)
        return PortOnBoard(X_board_entrance, M, tolerance, ("edges of the ports",))


def port_estimate(
    board: BoardState, port: NominalPort, settings: EstimatorSettings, place: PortOnBoard | None = None
) -> PortEstimate | NoEstimate:
    """Return the pose of a port on the estimated board.

    The covariance is the state's, carried to the mouth, plus the tolerance of what the state does not hold and the
    error of the arm that reaches there: M P M^T + T + K. What is constant in the arm's error is in no part of it: the
    arm misplaces what it sees as it misplaces what it does.

    Args:
        board: Estimate of the board.
        port: The port as designed.
        settings: Tolerances and limits.
        place: Where it is on the board; as designed by default.

    Returns:
        The estimate, or `NoEstimate` (UNCERTAIN) when its position is less certain than the limit.
    """
    place = place or PortOnBoard.by_design(board, port, settings)
    estimate = PortEstimate(
        name=port.name,
        stamp_s=board.stamp_s,
        X_base_entrance=board.X_base_board @ place.X_board_entrance,
        covariance=place.M @ board.covariance @ place.M.T + place.tolerance + kinematics_covariance(settings, _REACH_M),
        depth_m=port.depth_m,
        age_s=board.stamp_s - board.seen_s,
        sources=(f"fiducials, {board.looks} looks", "kinematics", *place.sources),
    )
    if estimate.position_sigma_m > settings.max_port_sigma_m:
        return NoEstimate(
            Reason.UNCERTAIN,
            f"{port.name} is known to {estimate.position_sigma_m:.4f} m (1 sigma), "
            f"limit {settings.max_port_sigma_m:.4f} m",
        )
    return estimate


def designed_port(
    port: NominalPort, expected: ExpectedBoard, now_s: float, freedom: Freedom | None = None
) -> PortEstimate:
    """Return a port that was not seen: by design on the board where that is put, anywhere on its rail."""
    P = np.diag([expected.sigma_m**2] * 3 + [expected.sigma_rad**2] * 3)
    A = adjoint(invert_pose(port.X_board_entrance))
    covariance = A @ P @ A.T
    if freedom is not None:
        T = np.kron(np.eye(2), port.X_board_entrance[:3, :3].T)
        covariance = covariance + T @ freedom.covariance() @ T.T
    return PortEstimate(
        name=port.name,
        stamp_s=now_s,
        X_base_entrance=expected.X_base_board @ port.X_board_entrance,
        covariance=covariance,
        depth_m=port.depth_m,
        age_s=0.0,
        sources=(BY_DESIGN,),
    )


def find_port(ports: Mapping[str, NominalPort], name: str) -> NominalPort | NoEstimate:
    """Return a port of the layout by name, or `NoEstimate` (UNKNOWN_PORT) with the valid names."""
    if name not in ports:
        return NoEstimate(
            Reason.UNKNOWN_PORT, f"port '{name}' is not on the board; valid are {', '.join(sorted(ports))}"
        )
    return ports[name]


def in_parent_axes(X_parent_child: Matrix, covariance: Matrix) -> Matrix:
    """Return the covariance of (position, rotation) about the parent's axes, as ROS messages want it.

    Args:
        X_parent_child: The pose the covariance belongs to, shape (4, 4).
        covariance: Of its right perturbation (v, w), shape (6, 6).
    """
    T = np.zeros((6, 6))
    T[:3, :3] = T[3:, 3:] = X_parent_child[:3, :3]
    return np.asarray(T @ covariance @ T.T)
