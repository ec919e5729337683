"""What has to be known before an insertion begins: the plug in the gripper, and where the port is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from cablecell_interfaces.msg import PortEstimate

from cablecell.core.insertion.errors import LostEstimateError, UnknownPlugError, UnknownPortError
from cablecell.core.insertion.grasp import HeldPlug
from cablecell.ros.skill_messages import port_from_message
from cablecell.ros.skill_order import Order


def plug_of(order: Order, held: HeldPlug | None, connectors: Collection[str]) -> HeldPlug:
    """Return the plug that is held, which is the one that was ordered.

    Args:
        order: What was asked for.
        held: What is in the gripper; None where nobody has said so.
        connectors: Names of those that are described.

    Raises:
        UnknownPlugError: Nothing, another plug or one of an unknown connector is held (code 421).
    """
    if held is None:
        raise UnknownPlugError("nothing is known to be in the gripper: cell/held_plug was not published")
    wanted = ((order.plug, held.plug, "plug"), (order.connector, held.connector, "connector"))
    for value, known, what in wanted:
        if value not in ("", known):
            raise UnknownPlugError(
                f"{what} '{value}' is not in the gripper; it holds '{known}'",
                quantity=what,
                value=value,
                limit=known,
            )
    if held.connector not in connectors:
        valid = ", ".join(sorted(connectors))
        raise UnknownPlugError(
            f"no connector file describes '{held.connector}'; valid are {valid}",
            quantity="connector",
            value=held.connector,
            limit=valid,
        )
    return held


def is_only_designed(message: PortEstimate) -> bool:
    """Return whether nothing but its design is known of a port."""
    return not message.sources & ~PortEstimate.SOURCE_BOARD_MODEL


def port_of(
    order: Order, ports: Mapping[str, Any], now_s: float, age_limit_s: float, *, is_by_touch: bool
) -> tuple[PortEstimate, bool]:
    """Return what is estimated of a port, and whether that is too old to insert with; without touch that is refused.

    Args:
        order: What was asked for.
        ports: The estimates, by name.
        now_s: The time on the clock of their stamps, s.
        age_limit_s: From which an estimate is too old, s.
        is_by_touch: Whether the port can be found by touch.

    Raises:
        UnknownPortError: It is not estimated (code 420).
        LostEstimateError: It was never seen, or too long ago (code 411).
    """
    message = ports.get(order.port)
    if message is None:
        valid = ", ".join(sorted(ports)) or "none"
        raise UnknownPortError(
            f"port '{order.port}' is not estimated; valid are {valid}",
            quantity="port_name",
            value=order.port,
            limit=valid,
        )
    if is_only_designed(message) and not is_by_touch:
        raise LostEstimateError(f"port '{order.port}' was never observed; only its design is known")
    age_s = now_s - port_from_message(message).stamp_s
    if age_s > age_limit_s and not is_by_touch:
        raise LostEstimateError(
            f"port '{order.port}' was seen {age_s:.1f} s ago; the limit is {age_limit_s} s",
            quantity="age",
            value=age_s,
            limit=age_limit_s,
            unit="s",
        )
    return message, age_s > age_limit_s
