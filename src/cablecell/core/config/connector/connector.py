"""A connector file as a whole: its groups, their sources, and the checks across them."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field, model_validator

from cablecell.core.config.connector.cable import CableProperties
from cablecell.core.config.connector.fields import Friction
from cablecell.core.config.connector.fit import (
    middle_of_port,
    require_a_stop,
    require_pads_outside,
    require_rectangular_fit,
    require_round_fit,
    require_surface_on_plug,
)
from cablecell.core.config.connector.forces import ForceBudget
from cablecell.core.config.connector.grasp import Grasp
from cablecell.core.config.connector.latch import AnyLatch
from cablecell.core.config.connector.plug import Plug, PlugPart
from cablecell.core.config.connector.port import Port
from cablecell.core.config.connector.round_fit import RoundFit
from cablecell.core.config.documents import DocumentSchema, validate_document

MAX_CLEARANCE_M = 5.0e-3
"""Largest clearance per side that the schema allows."""


class Clearance(DocumentSchema):
    """Nominal clearance per side, m."""

    x_m: Annotated[float, Field(gt=0.0, le=MAX_CLEARANCE_M)]
    y_m: Annotated[float, Field(gt=0.0, le=MAX_CLEARANCE_M)]


class Connector(DocumentSchema):
    """A plug, its port and how they fit.

    `sources` says for every other group, by its key, where the numbers come from; a longer key such as
    `forces.damage_n` may say it for a part of a group.
    """

    name: Annotated[str, Field(min_length=1)]
    sources: dict[str, Annotated[str, Field(min_length=1)]]
    clearance: Clearance
    friction: Friction
    plug: Plug
    port: Port
    round_fit: RoundFit | None = None
    latch: AnyLatch | None = None
    forces: ForceBudget
    grasp: Grasp
    cable: CableProperties

    @model_validator(mode="after")
    def _is_consistent(self) -> Connector:
        self._require_sources()
        self._require_fit()
        if self.latch is not None and self.latch.engage_n > self.forces.insertion_max_n:
            raise ValueError(
                f"latch: closing it takes {self.latch.engage_n:.3f} N, above forces.insertion_max_n = "
                f"{self.forces.insertion_max_n} N"
            )
        return self

    def with_clearance(self, clearance_m: float) -> Connector:
        """Return the same connector with what mates of its plug grown to one clearance on every side.

        It comes to stand in the middle of the port, where the file may have it to one side. For a round fit it is the
        pin that grows, whichever side it is on.

        Args:
            clearance_m: Clearance per side, m; above zero, at most `MAX_CLEARANCE_M`.

        Raises:
            ValueError: The clearance is out of range, or the plug cannot have it.
        """
        if not 0.0 < clearance_m <= MAX_CLEARANCE_M:
            raise ValueError(f"clearance_m = {clearance_m} m must be above 0 and at most {MAX_CLEARANCE_M} m")
        growth = (self.clearance.x_m - clearance_m, self.clearance.y_m - clearance_m, 0.0)
        fit = self.round_fit
        if fit is None:
            shift = middle_of_port(self.plug, self.port)
        else:
            shift = (0.0, 0.0)
            if fit.bore_radius_m - clearance_m <= fit.tip_chamfer_m:
                raise ValueError(
                    f"clearance_m = {clearance_m} m must be below bore_radius_m - tip_chamfer_m = "
                    f"{fit.bore_radius_m - fit.tip_chamfer_m:.6f} m: it leaves no pin"
                )
            fit = fit.model_copy(update={"pin_radius_m": fit.bore_radius_m - clearance_m})
        changed = self.model_copy(
            update={
                "clearance": Clearance(x_m=clearance_m, y_m=clearance_m),
                "plug": self.plug.model_copy(
                    update={"parts": [_grown(part, growth, shift) for part in self.plug.parts]}
                ),
                "round_fit": fit,
            }
        )
        changed._require_fit()
        return changed

    @property
    def pin_length_m(self) -> float | None:
        """Length of the plug's round pin, from the tip to the first part that is wider, m; None for a plug without."""
        if self.round_fit is None or self.round_fit.gender != "pin":
            return None
        radius = self.round_fit.pin_radius_m
        wider = [-part.front_m for part in self.plug.parts if not _is_within(part, radius)]
        inside = [part.size_m[2] - part.front_m for part in self.plug.parts if _is_within(part, radius)]
        return min(wider) if wider else max(inside)

    def _require_sources(self) -> None:
        groups = [name for name in type(self).model_fields if name not in ("name", "sources")]
        present = [name for name in groups if getattr(self, name) is not None]
        for key in self.sources:
            if key.split(".")[0] not in present:
                raise ValueError(
                    f"sources.{key}: there is no group '{key.split('.')[0]}'; there are {', '.join(present)}"
                )
        missing = [name for name in present if name not in self.sources]
        if missing:
            raise ValueError(f"sources.{missing[0]} is missing: every group needs the source of its numbers")

    def _require_fit(self) -> None:
        clearance = (self.clearance.x_m, self.clearance.y_m)
        if self.round_fit is None:
            require_rectangular_fit(self.plug, self.port, clearance)
        else:
            require_round_fit(self.round_fit, self.plug, self.port, clearance)
        require_a_stop(self.plug, self.port)
        for i, surface in enumerate(self.grasp.surfaces):
            key = f"grasp.surfaces.{i}"
            require_surface_on_plug(surface, self.plug, key)
            require_pads_outside(surface, self.port, self.round_fit, key)


def parse_connector(data: object, source: str) -> Connector:
    """Return a parsed YAML document as a connector.

    Args:
        data: The parsed document.
        source: Name of the file, for messages.

    Raises:
        DocumentError: Unknown key, missing key or source, wrong type, value out of range, or parts that do not go
            together (code 910).
    """
    return validate_document(Connector, data, source)


def _is_within(part: PlugPart, radius_m: float) -> bool:
    """Return whether a part lies inside a cylinder about the axis of the plug."""
    reach = [abs(part.centre_m[axis]) + 0.5 * part.size_m[axis] for axis in (0, 1)]
    return math.hypot(*reach) <= radius_m


def _grown(part: PlugPart, growth: tuple[float, float, float], shift: tuple[float, float]) -> PlugPart:
    if not part.mates:
        return part
    size = [s + 2.0 * g for s, g in zip(part.size_m, growth, strict=True)]
    centre = [part.centre_m[0] + shift[0], part.centre_m[1] + shift[1], part.centre_m[2]]
    if min(size) <= 0.0:
        raise ValueError(f"plug.parts '{part.name}': nothing is left of it at this clearance, {min(size):.6f} m")
    return part.model_copy(update={"size_m": size, "centre_m": centre})
