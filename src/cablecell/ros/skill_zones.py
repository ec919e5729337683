"""Zones of people for the skill: what `arm_controller` says of them, and the slower pace that an insertion takes."""

from __future__ import annotations

import math
from typing import Any

from cablecell.core.config.insertion import InsertionSettings
from cablecell.core.config.parameters import validate
from cablecell.core.control.zones import ZoneHoldError
from cablecell.ros.goals import RemoteError

_SPEEDS = ("approach_speed", "contact_speed", "search_speed", "insert_speed", "seat_speed", "retreat_speed")
_TIMES = ("time_limit_s", "retreat_limit_s")
_LEAST = 1e-3


def zone_scale(message: Any) -> float | None:
    """Return the share of the speed that is allowed, from a DiagnosticArray; None where it says nothing of zones."""
    for status in message.status:
        if status.name.endswith(": zones"):
            share = next((pair.value for pair in status.values if pair.key == "speed_scale"), "")
            try:
                return min(max(float(share), 0.0), 1.0)
            except ValueError:
                return None
    return None


def zone_stop(message: Any) -> RemoteError | None:
    """Return why the arm is stopped where that is somebody in a zone (code 637), from a DiagnosticArray."""
    for status in message.status:
        if status.name.endswith(": zones") and any(pair.key == "held_by" and pair.value for pair in status.values):
            return RemoteError.with_code(ZoneHoldError.code, status.message)
    return None


def slowed(settings: InsertionSettings, share: float) -> InsertionSettings:
    """Return settings with a share of the speeds, and as much more time; nothing beyond what the settings allow."""
    if share >= 1.0:
        return settings
    values = settings.model_dump()
    for name in _SPEEDS:
        values[name] = max(share * values[name], _limit(name, "ge"))
    name = "approach_acceleration"
    values[name] = max(share**2 * values[name], _limit(name, "ge"))
    for name in _TIMES:
        values[name] = min(values[name] / max(share, _LEAST), _limit(name, "le"))
    return validate(InsertionSettings, values)


def _limit(name: str, side: str) -> float:
    found = (getattr(rule, side, None) for rule in InsertionSettings.model_fields[name].metadata)
    return float(next((value for value in found if value is not None), math.nan))
