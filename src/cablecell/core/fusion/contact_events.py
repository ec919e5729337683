"""What touching says about a port, as measurements of its pose: face touched, rim found, seated; each gated.

A measurement is a residual that is zero where belief and event agree, its Jacobian with respect to the right
perturbation (v, w) of the port, and its covariance. A point p in the port moves by -v + p × w.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cablecell.core.geometry import Array, exp_so3, invert_pose, log_so3, make_pose, skew
from cablecell.core.insertion.observation import PoseEstimate
from cablecell.core.perception.outcome import NoEstimate, Reason

_GATES = (10.828, 13.816, 16.266, 18.467, 20.515, 22.458)
"""99.9 % of squared Mahalanobis distances with one to six degrees of freedom lie below."""


@dataclass(frozen=True)
class ContactMeasurement:
    """A contact event as a measurement of a port.

    Attributes:
        name: For people.
        residual: Shape (k,), m and rad; measured minus expected.
        jacobian: Of the residual with respect to the port's right perturbation, shape (k, 6).
        covariance: Of the residual, shape (k, k).
    """

    name: str
    residual: Array
    jacobian: Array
    covariance: Array


def face_touched(X_base_port: Array, X_base_tip: Array, rim_m: float, sigma_m: float) -> ContactMeasurement:
    """Return what an upright plug on the land says: the tip is as deep as the land.

    Args:
        X_base_port: The port as believed, shape (4, 4).
        X_base_tip: The tip that touched, without load, shape (4, 4).
        rim_m: Depth of a tip on the land, m.
        sigma_m: Error of it, the tilt times the plug's half width included, m.
    """
    p, jacobian = _point(X_base_port, X_base_tip)
    return ContactMeasurement("face touched", p[2:] - rim_m, jacobian[2:], np.array([[sigma_m**2]]))


def rim_found(X_base_port: Array, X_base_tip: Array, clearance_m: tuple[float, float]) -> ContactMeasurement:
    """Return what a plug that has dropped into the opening says: it is within the clearance of the axis.

    Args:
        X_base_port: The port as believed, shape (4, 4).
        X_base_tip: The tip in the opening, shape (4, 4).
        clearance_m: Room per side along x and y, lead-in included where it still counts, m.
    """
    p, jacobian = _point(X_base_port, X_base_tip)
    # Anywhere within the room is equally likely.
    covariance = np.diag([room**2 / 3.0 for room in clearance_m])
    return ContactMeasurement("rim found", p[:2], jacobian[:2], covariance)


def seated(
    X_base_port: Array, X_base_tip: Array, depth_m: float, sigma_m: tuple[float, float, float], sigma_rad: float
) -> ContactMeasurement:
    """Return what a proven seat says: the tip is at the stop, and turned as the port.

    Args:
        X_base_port: The port as believed, shape (4, 4).
        X_base_tip: The seated tip, without load, shape (4, 4).
        depth_m: From the mouth to the seated tip, m.
        sigma_m: Room along x, y and z, m.
        sigma_rad: Room of each angle, rad.
    """
    p, at_point = _point(X_base_port, X_base_tip)
    turn = log_so3(X_base_port[:3, :3].T @ X_base_tip[:3, :3])
    jacobian = np.zeros((6, 6))
    jacobian[:3] = at_point
    jacobian[3:, 3:] = -_left_inverse(turn)
    residual = np.concatenate((p - np.array([0.0, 0.0, depth_m]), turn))
    return ContactMeasurement("seated", residual, jacobian, np.diag([s**2 for s in sigma_m] + [sigma_rad**2] * 3))


def take_in(port: PoseEstimate, measurement: ContactMeasurement, stamp_s: float) -> PoseEstimate | NoEstimate:
    """Return a port after an event, or `NoEstimate` (INCONSISTENT_VIEWS) when the event contradicts what is believed.

    Args:
        port: The port as believed; its covariance is that relative to the tip where the tip is not sure.
        measurement: Taken at this belief.
        stamp_s: When the event was, s.
    """
    H, P = measurement.jacobian, port.covariance
    S = H @ P @ H.T + measurement.covariance
    distance = float(measurement.residual @ np.linalg.solve(S, measurement.residual))
    limit = _GATES[len(measurement.residual) - 1]
    if distance > limit:
        return NoEstimate(
            Reason.INCONSISTENT_VIEWS,
            f"'{measurement.name}' is at a squared Mahalanobis distance of {distance:.1f} from the belief, "
            f"limit {limit:.1f}",
        )
    K = P @ H.T @ np.linalg.inv(S)
    step = -K @ measurement.residual
    kept = np.eye(6) - K @ H
    covariance = kept @ P @ kept.T + K @ measurement.covariance @ K.T
    return PoseEstimate(stamp_s, port.X @ make_pose(exp_so3(step[3:]), step[:3]), covariance)


def _point(X_base_port: Array, X_base_tip: Array) -> tuple[Array, Array]:
    """Return the tip in the port, shape (3,), and its Jacobian, shape (3, 6)."""
    p: Array = (invert_pose(X_base_port) @ X_base_tip)[:3, 3]
    return p, np.hstack([-np.eye(3), skew(p)])


def _left_inverse(turn: Array) -> Array:
    """Return the inverse of the left Jacobian of SO(3): log(exp(-w) exp(turn)) is turn less this times w."""
    angle = float(np.linalg.norm(turn))
    W = skew(turn)
    if angle < 1.0e-6:
        return np.asarray(np.eye(3) - 0.5 * W)
    half = 0.5 * angle
    return np.asarray(np.eye(3) - 0.5 * W + (1.0 - half / np.tan(half)) / angle**2 * W @ W)
