"""Checks of commands at the door of a machine: each refuses with a typed error and changes nothing."""

from __future__ import annotations

import math
from collections.abc import Set
from typing import Final

import numpy as np

from cablecell.core.errors import HardwareCommandError
from cablecell.ports import CommandMode, JointCommand, Vector

_UNITS: Final = {CommandMode.POSITION: "rad", CommandMode.VELOCITY: "rad/s", CommandMode.EFFORT: "N*m"}


def require_joint_command(command: JointCommand, names: tuple[str, ...], modes: Set[CommandMode]) -> Vector:
    """Return the values of a joint command, shape (n,).

    Raises:
        HardwareCommandError: Wrong mode or size, or not finite (code 802).
    """
    if command.mode not in modes:
        valid = ", ".join(sorted(mode.value for mode in modes))
        raise HardwareCommandError(
            f"mode '{command.mode.value}' is not available; valid are {valid}",
            quantity="mode",
            value=command.mode.value,
            limit=valid,
        )
    values = np.asarray(command.values, dtype=float).ravel()
    if values.size != len(names):
        raise HardwareCommandError(
            f"a joint command has {values.size} values; this arm has {len(names)} joints",
            quantity="values",
            value=values.size,
            limit=len(names),
        )
    for name, value in zip(names, values.tolist(), strict=True):
        if not math.isfinite(value):
            raise HardwareCommandError(
                f"command of {name} is {value}; it must be finite",
                quantity=name,
                value=value,
                limit="finite",
                unit=_UNITS[command.mode],
            )
    return values


def require_gripper_command(width_m: float, width_limit_m: float, force_n: float, force_limit_n: float) -> None:
    """Refuse a gripper command that is out of range.

    Raises:
        HardwareCommandError: Width or force is out of range or not finite (code 802).
    """
    for name, value, limit, unit in (("width", width_m, width_limit_m, "m"), ("force", force_n, force_limit_n, "N")):
        if not 0.0 <= value <= limit:
            raise HardwareCommandError(
                f"gripper {name} = {value} {unit} is outside 0 to {limit} {unit}",
                quantity=name,
                value=value,
                limit=limit,
                unit=unit,
            )


def require_period(period_s: float) -> None:
    """Refuse a control period that is none.

    Raises:
        HardwareCommandError: It is not above 0 and below 1 s (code 802).
    """
    if not 0.0 < period_s < 1.0:
        raise HardwareCommandError(
            f"period_s = {period_s} s is not a control period; valid is above 0 to 1 s",
            quantity="period_s",
            value=period_s,
            limit="0 to 1",
            unit="s",
        )
