"""What operators and programs send, in core types and `base_link` axes, and the checks at the door."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

from cablecell.core.config.teleop import TeleopSettings
from cablecell.core.control.errors import FutureCommandError, NonFiniteCommandError, StaleCommandError
from cablecell.core.control.validation import require_finite
from cablecell.core.geometry import Array
from cablecell.core.teleop.errors import CommandRangeError


class CommandType(IntEnum):
    """Which topic is listened to, numbered as in moveit_msgs/srv/ServoCommandType."""

    TWIST = 1
    POSE = 2


class Rank(IntEnum):
    """Who takes control from whom: a person at the marker before a device, a device before a program."""

    POSE = 0
    TWIST = 1
    MARKER = 2


@dataclass(frozen=True)
class Source:
    """Who sends a command.

    Attributes:
        name: What the status says: `marker <client>`, `twist` or `pose`.
        rank: Who it may take control from.
    """

    name: str
    rank: Rank


TWIST = Source("twist", Rank.TWIST)
POSE = Source("pose", Rank.POSE)


def marker_source(client: str) -> Source:
    """Return the source that an RViz client is."""
    return Source(f"marker {client}", Rank.MARKER)


@dataclass(frozen=True)
class Observation:
    """What is known of the arm at a step.

    Attributes:
        time_s: Clock, s; never goes back between steps.
        X_base_tcp: Measured tcp, shape (4, 4).
        wrench_base: Environment on tool at the tcp in base axes, shape (6,), N, N·m.
        age_s: Age of the older of the two, s; infinite before the first.
    """

    time_s: float
    X_base_tcp: Array
    wrench_base: Array
    age_s: float


def require_fresh(stamp_s: float, now_s: float, settings: TeleopSettings) -> None:
    """Refuse a stamp that is not a number, too old or ahead of the clock.

    Raises:
        NonFiniteCommandError: The stamp is not a number (code 301).
        StaleCommandError: It is too old (code 304).
        FutureCommandError: It is ahead of the clock (code 305).
    """
    age_s = now_s - stamp_s
    if not math.isfinite(age_s):
        raise NonFiniteCommandError("stamp is not finite", quantity="stamp", value=stamp_s, limit="finite", unit="s")
    if age_s > settings.command_age_limit_s:
        limit = settings.command_age_limit_s
        raise StaleCommandError(
            f"stamp is {age_s:.3f} s old; the limit is {limit} s", quantity="stamp", value=age_s, limit=limit, unit="s"
        )
    if -age_s > settings.command_ahead_limit_s:
        limit = settings.command_ahead_limit_s
        raise FutureCommandError(
            f"stamp is {-age_s:.3f} s ahead of the clock; the limit is {limit} s",
            quantity="stamp",
            value=-age_s,
            limit=limit,
            unit="s",
        )


def twist_in_units(twist: Array, settings: TeleopSettings, speed_scale: float, *, is_unitless: bool) -> Array:
    """Return a commanded twist in m/s and rad/s.

    Args:
        twist: Linear and angular part, shape (6,).
        settings: The highest speeds.
        speed_scale: The share of them that is the whole of a unitless command.
        is_unitless: Whether the numbers are shares; otherwise they are speeds already.

    Raises:
        NonFiniteCommandError: A number is not finite (code 301).
        CommandRangeError: A share is beyond 1 (code 710).
    """
    require_finite("twist", twist, "" if is_unitless else "m/s and rad/s")
    if not is_unitless:
        return twist
    for name, part in (("linear", twist[:3]), ("angular", twist[3:])):
        largest = float(max(abs(value) for value in part.tolist()))
        if largest > 1.0:
            raise CommandRangeError(
                f"twist.{name} has {largest:.3g}; a unitless command is within [-1, 1]",
                quantity=f"twist.{name}",
                value=largest,
                limit="[-1, 1]",
            )
    scaled = twist.copy()
    scaled[:3] *= speed_scale * settings.linear_speed
    scaled[3:] *= speed_scale * settings.angular_speed
    return scaled
