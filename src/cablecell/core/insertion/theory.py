"""Closed forms of peg-in-hole insertion that choose the skill's forces, stiffnesses and search path.

Own derivations, checked in the project's PyBullet pilot; the planar statics go back to Whitney 1982.
"""

from __future__ import annotations

import math


def jam_free_stiffness(force_n: float, clearance_m: float, friction: float, tilt_rad: float) -> float:
    """Return the largest rotational stiffness, N·m/rad, that inserts without jamming: mu K theta² < 4 F c."""
    return 4.0 * force_n * clearance_m / (friction * tilt_rad * tilt_rad)


def jam_free_force(stiffness_rot: float, clearance_m: float, friction: float, tilt_rad: float) -> float:
    """Return the smallest push, N, that inserts without jamming at a rotational stiffness."""
    return friction * stiffness_rot * tilt_rad * tilt_rad / (4.0 * clearance_m)


def capture_half_width(clearance_m: float, chamfer_m: float, width_m: float, yaw_rad: float) -> float:
    """Return how far beside the axis the plug still drops in, m: c + 0.7 h - (W/2) psi, never below c."""
    return max(clearance_m + 0.7 * chamfer_m - 0.5 * width_m * yaw_rad, clearance_m)


def friction_lag(friction: float, force_n: float, stiffness: float) -> float:
    """Return by how much a plug pressed on the land trails its lateral target, m."""
    return friction * force_n / stiffness


def edge_push(side_n: float, friction: float) -> float:
    """Return the largest push, N, against which a force F draws an edge up a 45 degree slope: F (1 - mu) / (1 + mu)."""
    return side_n * (1.0 - friction) / (1.0 + friction)


def spiral_end_radius(error_m: float, lag_m: float, pitch_m: float) -> float:
    """Return the commanded radius that scans every point within `error_m`: sqrt(e² + lag²) + p/2."""
    return math.hypot(error_m, lag_m) + 0.5 * pitch_m


def drop_limited_speed(clearance_m: float, chamfer_m: float) -> float:
    """Return the search speed, m/s, at which the plug still drops before it has passed the hole: (c + h) / 10 ms."""
    return (clearance_m + chamfer_m) / 0.010


def chamfer_couple(force_n: float, width_m: float, friction: float) -> float:
    """Return the couple, N·m, with which 45 degree chamfers can turn a plug of width W in yaw: F W B / (2 A)."""
    a = math.sin(math.pi / 4) + friction * math.cos(math.pi / 4)
    b = math.cos(math.pi / 4) - friction * math.sin(math.pi / 4)
    return force_n * width_m * b / (2.0 * a)


def rim_yaw_stiffness(couple_nm: float, clearance_m: float, width_m: float, yaw_rad: float) -> float | None:
    """Return the largest yaw stiffness, N·m/rad, that lets the rim turn the plug, or None when any does.

    K (psi - 2c/W) < M/2; the half was found necessary for reliability.
    """
    excess = yaw_rad - 2.0 * clearance_m / width_m
    return None if excess <= 0.0 else 0.5 * couple_nm / excess
