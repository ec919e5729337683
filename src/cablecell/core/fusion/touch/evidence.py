"""What a touch tells: the unloaded pose of the plug, the way it went, and the wrench at which it came to rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cablecell.core.fusion.touch import kernels
from cablecell.core.geometry import Array, cross, invert_pose


@dataclass(frozen=True)
class Contact:
    """A guarded move ended at the port.

    Attributes:
        X_base_tip: Pose of the tip where it touched, without load, shape (4, 4).
        direction: Unit vector of the move in `base_link`, shape (3,).
        travel_m: How far the plug had moved freely before, m.
        sigma_m: Standard deviation of where along the way it touched, m.
        force: Of the port on the plug in `base_link`, shape (3,), N.
        moment: About the tip likewise, shape (3,), N·m.
        sigma_nm: Standard deviation of each coordinate of the moment, N·m; 0 where the wrench is not to be believed.
    """

    X_base_tip: Array
    direction: Array
    travel_m: float
    sigma_m: float
    force: Array
    moment: Array
    sigma_nm: float


@dataclass(frozen=True)
class FreeMove:
    """A move that met nothing.

    Attributes:
        X_base_tip: Pose of the tip at its end, shape (4, 4).
        direction: Unit vector of the move in `base_link`, shape (3,).
        travel_m: Length of the move, m.
        sigma_m: How far the plug may have gone into the port unnoticed, m.
    """

    X_base_tip: Array
    direction: Array
    travel_m: float
    sigma_m: float


@dataclass(frozen=True)
class Flush:
    """A plug in the port was pressed against a side and turned until no moment was left: faces lie on each other.

    Attributes:
        X_base_tip: Pose of the tip there, without load, shape (4, 4).
        side: `+x`, `-x`, `+y` or `-y` of the port.
        plug_face_m: Coordinate of the plug's face along the axis, m.
        wall_face_m: Coordinate of the wall's face, m.
        half_length_m: Half of the length over which the faces meet, m.
        sigma_m: Standard deviation of the gap between the faces, m.
        sigma_yaw_rad: Standard deviation of the angle between them about the port's axis, rad.
        sigma_tilt_rad: The same of their angle along the port's axis, rad.
    """

    X_base_tip: Array
    side: str
    plug_face_m: float
    wall_face_m: float
    half_length_m: float
    sigma_m: float
    sigma_yaw_rad: float
    sigma_tilt_rad: float


Evidence = Contact | FreeMove | Flush


def as_row(evidence: Evidence, X_base_port: Array) -> Array:
    """Return a piece of evidence as a row for the compiled loops, in the frame of the believed port."""
    X_port_base = invert_pose(X_base_port)
    row = np.zeros(kernels.COLUMNS)
    row[kernels.POSE : kernels.POSE + 12] = (X_port_base @ evidence.X_base_tip)[:3].ravel()
    row[kernels.SIGMA] = evidence.sigma_m
    if isinstance(evidence, Flush):
        row[kernels.KIND] = kernels.FLUSH
        row[kernels.TRAVEL] = evidence.half_length_m
        row[kernels.AXIS] = "xy".index(evidence.side[1])
        row[kernels.PLUG_FACE], row[kernels.WALL_FACE] = evidence.plug_face_m, evidence.wall_face_m
        row[kernels.SIGMA_R], row[kernels.SIGMA_T] = evidence.sigma_yaw_rad, evidence.sigma_tilt_rad
        return row
    R = X_port_base[:3, :3]
    row[kernels.TRAVEL] = evidence.travel_m
    row[kernels.DIRECTION : kernels.DIRECTION + 3] = R @ evidence.direction
    if isinstance(evidence, FreeMove):
        row[kernels.KIND] = kernels.FREE
        return row
    row[kernels.KIND] = kernels.CONTACT
    row[kernels.FORCE : kernels.FORCE + 3] = R @ evidence.force
    row[kernels.MOMENT : kernels.MOMENT + 3] = R @ evidence.moment
    row[kernels.SIGMA_M] = evidence.sigma_nm
    return row


def unloaded_tip(
    X_base_tcp: Array, X_tcp_tip: Array, force: Array, moment: Array, *, stiffness: float, rotation_stiffness: float
) -> Array:
    """Return where the tip is believed to be with the grasp's give taken out, shape (4, 4).

    The belief about the grasp is for a plug without load; the port's push moves the plug in its grasp. What is
    returned is the pose that the touching plug has, in terms of that belief: X_base_tcp · give · X_tcp_tip.

    Args:
        X_base_tcp: Measured tcp.
        X_tcp_tip: Believed tip.
        force: Of the port on the plug in `base_link`, shape (3,), N.
        moment: About the tip likewise, N·m.
        stiffness: Of the grasp at the tcp, N/m.
        rotation_stiffness: Likewise, N·m/rad.
    """
    R = X_base_tcp[:3, :3]
    f = R.T @ force
    m = R.T @ moment + cross(X_tcp_tip[:3, 3], f)
    give = np.eye(4)
    turn = m / rotation_stiffness
    give[:3, :3] = np.array([[1.0, -turn[2], turn[1]], [turn[2], 1.0, -turn[0]], [-turn[1], turn[0], 1.0]])
    u, _, vt = np.linalg.svd(give[:3, :3])
    give[:3, :3] = u @ vt
    give[:3, 3] = f / stiffness
    return np.asarray(X_base_tcp @ give @ X_tcp_tip)
