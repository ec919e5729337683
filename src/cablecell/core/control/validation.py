"""Checks of commands at the door: each refuses with a typed error and changes nothing."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from cablecell.core.config.control import ControlSettings
from cablecell.core.control.command import ComplianceCommand, TrajectoryMode
from cablecell.core.control.errors import (
    BadGainsError,
    BadQuaternionError,
    CommandModeError,
    CommandRangeError,
    CommandSizeError,
    FutureCommandError,
    NonFiniteCommandError,
    StaleCommandError,
)
from cablecell.core.geometry import Array

QUATERNION_TOLERANCE = 1e-3
"""Largest deviation of a quaternion's norm from 1."""

GAIN_LIMIT = 0.95
"""Largest wrench feedback gain: contact force grows as 1/(1 - gain)."""

STIFFNESS_LIMIT, DAMPING_LIMIT = 1.0e5, 1.0e6
"""Largest commanded gains: N/m or N·m/rad, N·s/m or N·m·s/rad. Damping is bounded by the inertia in any case."""

WRENCH_LIMIT = 1.0e4
"""Largest commanded push, N or N·m; what acts is limited much lower."""

RATE_LIMIT, ACCELERATION_LIMIT = 1.0e3, 1.0e4
"""Largest commanded velocity and acceleration, m or rad per s and s²; what is followed is limited much lower."""

ANGLE_LIMIT_RAD = 100.0
"""Largest commanded joint position, rad; what is followed stays within the joints' limits."""

OFFSET_LIMIT_M = 1.0
"""Largest distance of a compliance frame from the tcp, m."""

LEAST_SPEED_SCALE = 0.01
"""Smallest share of the speed: nothing would seem to move below; `stop` is there for rest."""

_SYMMETRY_TOLERANCE = 1e-6
"""Largest |K - K^T| relative to the largest entry."""

_FEEDBACK_LIMIT, _ROTATION_LIMIT = 1.0e6, 1.0e3
"""Largest wrench feedback gain, sharper limits follow, and entry of the sum of both rotations of a set-point."""

_COMPLIANCE_SHAPES = ((4, 4), (4, 4), (6, 6), (6, 6), (6,), (6,), (6,), (6,))
"""Of target, frame, stiffness, damping, feed-forward, feedback gains, twist and acceleration."""


def require_finite(name: str, values: Array, unit: str) -> None:
    """Refuse NaN and infinity.

    Raises:
        NonFiniteCommandError: Some value is not finite (code 301).
    """
    if not np.isfinite(values).all():
        index = int(np.argmin(np.isfinite(values)))
        value = float(np.asarray(values).ravel()[index])
        message = f"{name}[{index}] = {value} is not finite; every value must be a number in {unit or 'plain numbers'}"
        raise NonFiniteCommandError(message, quantity=f"{name}[{index}]", value=value, limit="finite", unit=unit)


def require_moderate(name: str, values: Array, limit: float, unit: str) -> None:
    """Refuse NaN, infinity, and numbers beyond what makes sense.

    Raises:
        NonFiniteCommandError: Some value is not finite (code 301).
        CommandRangeError: They are too large (code 321).
    """
    size = float(np.abs(values).max(initial=0.0))
    if size <= limit:
        return
    require_finite(name, values, unit)
    raise CommandRangeError(
        f"{name} has {size:.6g} {unit}; the limit is {limit:.6g} {unit}",
        quantity=name,
        value=size,
        limit=limit,
        unit=unit,
    )


def require_size(name: str, values: Array, size: int) -> None:
    """Refuse a vector of the wrong length.

    Raises:
        CommandSizeError: The length differs (code 308).
    """
    if np.asarray(values).size != size:
        count = int(np.asarray(values).size)
        raise CommandSizeError(f"{name} has {count} values; {size} are needed", quantity=name, value=count, limit=size)


def require_unit_quaternion(name: str, quat_xyzw: Array) -> None:
    """Refuse a quaternion that is not a rotation.

    Raises:
        BadQuaternionError: The norm is not 1 (code 302).
    """
    norm = math.sqrt(float(np.dot(quat_xyzw, quat_xyzw)))
    if abs(norm - 1.0) > QUATERNION_TOLERANCE:
        raise BadQuaternionError(
            f"{name} has norm {norm:.6g}; it must be 1 within {QUATERNION_TOLERANCE}",
            quantity=name,
            value=norm,
            limit=f"1 +- {QUATERNION_TOLERANCE}",
        )


def require_gain_matrix(name: str, matrix: Array) -> None:
    """Refuse a stiffness or damping matrix that is not symmetric positive semi-definite.

    Raises:
        BadGainsError: The matrix is asymmetric or has a negative eigenvalue (code 303).
    """
    scale = max(float(np.abs(matrix).max()), 1e-12)
    asymmetry = np.abs(matrix - matrix.T)
    if float(asymmetry.max()) > _SYMMETRY_TOLERANCE * scale:
        i, j = (int(k) for k in np.unravel_index(int(asymmetry.argmax()), asymmetry.shape))
        raise BadGainsError(
            f"{name} is not symmetric: [{i},{j}] = {matrix[i, j]:.6g} but [{j},{i}] = {matrix[j, i]:.6g}",
            quantity=f"{name}[{i},{j}]",
            value=matrix[i, j],
            limit=matrix[j, i],
        )
    lowest = float(np.linalg.eigvalsh(matrix)[0])
    if lowest < -_SYMMETRY_TOLERANCE * scale:
        raise BadGainsError(
            f"{name} has a negative eigenvalue {lowest:.6g}; the smallest allowed is 0",
            quantity=name,
            value=lowest,
            limit=0,
        )


def require_joint_gains(name: str, values: Array, unit: str) -> None:
    """Refuse negative joint gains.

    Raises:
        BadGainsError: A gain is negative (code 303).
    """
    index = int(np.argmin(values))
    if float(values[index]) < 0.0:
        raise BadGainsError(
            f"{name}[{index}] = {values[index]:.6g} {unit} is negative; the smallest allowed is 0 {unit}",
            quantity=f"{name}[{index}]",
            value=values[index],
            limit=0,
            unit=unit,
        )


def require_feedback_gains(name: str, gains: Array) -> None:
    """Refuse wrench feedback gains outside [0, 0.95].

    Raises:
        BadGainsError: A gain is outside (code 303).
    """
    outside = (gains < 0.0) | (gains > GAIN_LIMIT)
    if outside.any():
        index = int(outside.argmax())
        raise BadGainsError(
            f"{name}[{index}] = {gains[index]:.6g} is outside [0, {GAIN_LIMIT}]",
            quantity=f"{name}[{index}]",
            value=gains[index],
            limit=f"[0, {GAIN_LIMIT}]",
        )


def require_speed_scale(scale: float) -> None:
    """Refuse a share of the speed that is none.

    Raises:
        CommandRangeError: It is not in [0.01, 1] (code 321).
    """
    if not LEAST_SPEED_SCALE <= scale <= 1.0:  # also when it is no number
        raise CommandRangeError(
            f"speed_scale = {scale} is outside [{LEAST_SPEED_SCALE}, 1]",
            quantity="speed_scale",
            value=scale,
            limit=f"[{LEAST_SPEED_SCALE}, 1]",
        )


def require_mode(mode: int) -> TrajectoryMode:
    """Return the trajectory mode of a number.

    Raises:
        CommandModeError: Unspecified or unknown (code 307).
    """
    if mode not in (TrajectoryMode.VELOCITY, TrajectoryMode.POSITION):
        raise CommandModeError(
            f"trajectory_generation_mode = {mode} is not a mode; valid are 1 (VELOCITY), 2 (POSITION)",
            quantity="trajectory_generation_mode",
            value=mode,
            limit="1 (VELOCITY), 2 (POSITION)",
        )
    return TrajectoryMode(mode)


def require_fresh(stamp_s: float, now_s: float, newest_s: float, settings: ControlSettings) -> None:
    """Refuse stamps that are not finite, too old, ahead of the clock, or older than an accepted one.

    Raises:
        NonFiniteCommandError: The stamp is not a number (code 301).
        StaleCommandError: The stamp is too old or goes back (code 304).
        FutureCommandError: The stamp is ahead of the clock (code 305).
    """
    if not math.isfinite(stamp_s):
        raise NonFiniteCommandError("stamp is not finite", quantity="stamp", value=stamp_s, limit="finite", unit="s")
    age = now_s - stamp_s
    if age > settings.command_age_limit_s:
        raise StaleCommandError(
            f"stamp is {age:.3f} s old; the limit is {settings.command_age_limit_s} s",
            quantity="stamp",
            value=age,
            limit=settings.command_age_limit_s,
            unit="s",
        )
    if -age > settings.command_ahead_limit_s:
        raise FutureCommandError(
            f"stamp is {-age:.3f} s ahead of the controller's clock; the limit is {settings.command_ahead_limit_s} s",
            quantity="stamp",
            value=-age,
            limit=settings.command_ahead_limit_s,
            unit="s",
        )
    if stamp_s < newest_s:
        raise StaleCommandError(
            f"stamp is {newest_s - stamp_s:.3f} s older than the last accepted command; stamps must not go back",
            quantity="stamp",
            value=stamp_s,
            limit=newest_s,
            unit="s",
        )


def require_compliance(command: ComplianceCommand, now_s: float, newest_s: float, settings: ControlSettings) -> None:
    """Refuse a compliance set-point that no arm can follow, or that is not the newest.

    Args:
        command: The set-point.
        now_s: Clock, s.
        newest_s: Stamp of the last accepted one, s.
        settings: Of the controller.

    Raises:
        ExecutionError: NaN, numbers beyond reason, wrong sizes, stale or future stamp (codes 301, 304, 305, 308,
            321).
    """
    if not _is_plainly_moderate(command, settings.workspace_reach_m):
        _require_moderate_compliance(command, settings)
    require_fresh(command.stamp_s, now_s, newest_s, settings)


def _is_plainly_moderate(command: ComplianceCommand, reach_m: float) -> bool:
    """Return whether every number is of the right place and far within reason, at one look.

    This is done in every control period. A command it does not pass is looked at group by group, and may be sound.
    """
    parts = _parts(command)
    for part, shape in zip(parts, _COMPLIANCE_SHAPES, strict=True):
        if part.shape != shape:
            return False
    numbers = np.concatenate([part.ravel() for part in parts])
    return bool((np.abs(numbers) <= _compliance_limits(reach_m)).all())


def _parts(command: ComplianceCommand) -> tuple[Array, ...]:
    return (
        command.X_base_target,
        command.X_tcp_comp,
        command.stiffness,
        command.damping,
        command.feedforward,
        command.feedback_gains,
        command.twist,
        command.acceleration,
    )


@lru_cache(maxsize=8)
def _compliance_limits(reach_m: float) -> Array:
    """Return the limits of all numbers of a compliance set-point in the order of `_COMPLIANCE_SHAPES`."""
    target, frame = np.full((4, 4), 0.5 * _ROTATION_LIMIT), np.full((4, 4), 0.5 * _ROTATION_LIMIT)
    target[:3, 3], frame[:3, 3] = reach_m, OFFSET_LIMIT_M
    limits = (STIFFNESS_LIMIT, DAMPING_LIMIT, WRENCH_LIMIT, _FEEDBACK_LIMIT, RATE_LIMIT, ACCELERATION_LIMIT)
    rest = [np.full(shape, limit).ravel() for shape, limit in zip(_COMPLIANCE_SHAPES[2:], limits, strict=True)]
    return np.concatenate([target.ravel(), frame.ravel(), *rest])


def _require_moderate_compliance(command: ComplianceCommand, settings: ControlSettings) -> None:
    """Refuse the first group of numbers of a compliance set-point that is not finite and moderate."""
    names = ("target", "compliance_frame", "stiffness", "damping", "feedforward", "feedback_gains", "twist")
    for name, part, shape in zip((*names, "acceleration"), _parts(command), _COMPLIANCE_SHAPES, strict=True):
        if part.shape != shape:
            raise CommandSizeError(
                f"{name} has shape {part.shape}; {shape} is needed", quantity=name, value=str(part.shape), limit=shape
            )
    for name, values, limit, unit in (
        ("target", command.X_base_target[:3, 3], settings.workspace_reach_m, "m"),
        ("compliance_frame", command.X_tcp_comp[:3, 3], OFFSET_LIMIT_M, "m"),
        ("stiffness", command.stiffness, STIFFNESS_LIMIT, "N/m and N*m/rad"),
        ("damping", command.damping, DAMPING_LIMIT, "N*s/m and N*m*s/rad"),
        ("feedforward", command.feedforward, WRENCH_LIMIT, "N and N*m"),
        ("feedback_gains", command.feedback_gains, _FEEDBACK_LIMIT, ""),
        ("twist", command.twist, RATE_LIMIT, "m/s and rad/s"),
        ("acceleration", command.acceleration, ACCELERATION_LIMIT, "m/s^2 and rad/s^2"),
        ("rotations", command.X_base_target[:3, :3] + command.X_tcp_comp[:3, :3], _ROTATION_LIMIT, ""),
    ):
        require_moderate(name, values, limit, unit)
