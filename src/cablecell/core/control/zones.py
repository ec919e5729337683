"""Zones around the arm in which people slow it down or stop it: software, not safety-rated.

A zone is a box in `base_link`. While somebody is in it the arm moves with at most its share of the speed, or it is
stopped and stays so until somebody clears the stop after the zone is free. Where the sensor that sees people is silent,
every zone counts as occupied.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, model_validator

from cablecell.core.config.documents import DocumentSchema, validate_document
from cablecell.core.control.errors import ExecutionError

Coordinate = Annotated[float, Field(ge=-100.0, le=100.0)]
Corner = Annotated[list[Coordinate], Field(min_length=3, max_length=3)]


class ZoneHoldError(ExecutionError):
    """Somebody is in a zone that stops the arm, or its sensor is silent; it stays stopped until the stop is cleared."""

    code = 637


class ZoneOccupiedError(ExecutionError):
    """The stop cannot be cleared: the zone that caused it is not free."""

    code = 638


class Zone(DocumentSchema):
    """A box, and what happens while somebody is in it.

    Attributes:
        name: Unique name.
        low_m: Its lowest corner in `base_link`, m.
        high_m: Its highest corner, m.
        speed_scale: Largest share of the speed; None in a zone that stops the arm.
        hold: Whether it stops the arm.
    """

    name: Annotated[str, Field(min_length=1, max_length=100)]
    low_m: Corner
    high_m: Corner
    speed_scale: Annotated[float, Field(ge=0.01, le=1.0)] | None = None
    hold: bool = False

    @model_validator(mode="after")
    def _makes_sense(self) -> Zone:
        if any(low >= high for low, high in zip(self.low_m, self.high_m, strict=True)):
            raise ValueError(f"zone '{self.name}': every coordinate of low_m is below that of high_m")
        if self.hold == (self.speed_scale is not None):
            raise ValueError(f"zone '{self.name}' has either speed_scale or hold: true")
        return self

    def has(self, point: Sequence[float]) -> bool:
        """Return whether a point in `base_link`, m, is in it; one with a coordinate that is no number is."""
        return all(not (x < low or x > high) for x, low, high in zip(point, self.low_m, self.high_m, strict=True))


class ZoneTable(DocumentSchema):
    """All zones of a cell.

    Attributes:
        silence_limit_s: Silence of the sensor after which every zone counts as occupied, s.
        zones: The zones.
    """

    zones: Annotated[list[Zone], Field(min_length=1, max_length=100)]
    silence_limit_s: Annotated[float, Field(ge=0.05, le=10.0)] = 0.5

    @model_validator(mode="after")
    def _names_differ(self) -> ZoneTable:
        names = [zone.name for zone in self.zones]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"zone name '{twice}' is used more than once")
        return self


def parse_zones(data: object, source: str) -> ZoneTable:
    """Return a parsed YAML document as zones.

    Raises:
        DocumentError: Unknown key, wrong type, or value out of range (code 910).
    """
    return validate_document(ZoneTable, data, source)


@dataclass(frozen=True)
class ZoneState:
    """What the zones ask for.

    Attributes:
        speed_scale: Largest share of the speed.
        occupied: Names of the zones that are occupied.
        held_by: Names of the zones for which the arm is stopped until that is cleared; empty for none.
        is_silent: Whether the sensor is silent.
    """

    speed_scale: float
    occupied: tuple[str, ...]
    held_by: tuple[str, ...]
    is_silent: bool

    @property
    def text(self) -> str:
        """In one sentence."""
        names = ", ".join(self.occupied) or "none"
        what = "the sensor of persons is silent" if self.is_silent else f"occupied: {names}"
        held = f"; the arm is stopped by {', '.join(self.held_by)}" if self.held_by else ""
        return f"{what}; speed at most {100.0 * self.speed_scale:.0f} %{held}"


class ZoneGuard:
    """Says from where people are how fast the arm may be; remembers a stop until it is cleared."""

    def __init__(self, table: ZoneTable) -> None:
        """Begin with a sensor that has said nothing: every zone is occupied."""
        self._table = table
        self._persons: list[tuple[float, ...]] = []
        self._heard_s = -math.inf
        self._held_by: tuple[str, ...] = ()

    def take(self, persons: Iterable[Sequence[float]], now_s: float) -> None:
        """Take where people are, points in `base_link`, m; none where nobody is."""
        self._persons = [tuple(point) for point in persons]
        self._heard_s = now_s

    def look(self, now_s: float) -> ZoneState:
        """Return what the zones ask for now."""
        is_silent = not now_s - self._heard_s <= self._table.silence_limit_s
        occupied = [zone for zone in self._table.zones if is_silent or any(zone.has(p) for p in self._persons)]
        scales = [zone.speed_scale for zone in occupied if zone.speed_scale is not None]
        holding = (zone.name for zone in occupied if zone.hold)
        self._held_by = tuple(dict.fromkeys((*self._held_by, *holding)))
        return ZoneState(min(scales, default=1.0), tuple(zone.name for zone in occupied), self._held_by, is_silent)

    def clear(self, now_s: float) -> None:
        """Forget a stop, because somebody says so and its zones are free.

        Raises:
            ZoneOccupiedError: One that stops the arm is not free (code 638); nothing was changed.
        """
        state = self.look(now_s)
        blocking = [zone.name for zone in self._table.zones if zone.hold and zone.name in state.occupied]
        if blocking:
            why = "the sensor of persons is silent" if state.is_silent else f"somebody is in {', '.join(blocking)}"
            raise ZoneOccupiedError(f"the stop stays: {why}", quantity="zone", value=", ".join(blocking))
        self._held_by = ()
