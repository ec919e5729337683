"""The plug of a connector file."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from cablecell.core.config.connector.fields import Extent, Point, Rgb
from cablecell.core.config.documents import DocumentSchema

MIN_PLUG_MASS_KG = 0.08
"""Lightest plug body that the explicit grasp spring holds stably at the physics rate."""
MIN_PLUG_INERTIA_KG_M2 = 2.0e-5
"""Smallest moment of inertia for the same reason."""
TIP_TOLERANCE_M = 1.0e-5
"""How far the foremost face may be from the origin of `<plug>_tip`."""


class PlugPart(DocumentSchema):
    """One box of the plug, along the axes of `<plug>_tip`.

    `mates` marks the parts that go into the port: these grow when a smaller clearance is asked for.
    """

    name: str
    centre_m: Point
    size_m: Extent
    mates: bool
    color: Rgb = Field(default=[0.7, 0.7, 0.72])

    @property
    def front_m(self) -> float:
        """Where its leading face is: its largest z in `<plug>_tip`, m."""
        return self.centre_m[2] + 0.5 * self.size_m[2]

    def span_m(self, axis: int) -> tuple[float, float]:
        """Return where it begins and ends along an axis of `<plug>_tip`, m."""
        return self.centre_m[axis] - 0.5 * self.size_m[axis], self.centre_m[axis] + 0.5 * self.size_m[axis]


class Plug(DocumentSchema):
    """The plug: a rigid body of boxes with rounded edges.

    `material` is for people. Mass and inertia are those of the plug with the part of cable and gripper pad that moves
    with it.
    """

    material: str = "not stated"
    mass_kg: Annotated[float, Field(ge=MIN_PLUG_MASS_KG, le=2.0)]
    com_m: Point
    inertia_kg_m2: Annotated[
        list[Annotated[float, Field(ge=MIN_PLUG_INERTIA_KG_M2, le=0.1)]], Field(min_length=3, max_length=3)
    ]
    edge_radius_m: Annotated[float, Field(ge=2.0e-5, le=2.0e-4)]
    cable_exit_m: Point
    parts: Annotated[list[PlugPart], Field(min_length=1)]

    @model_validator(mode="after")
    def _tip_is_on_the_leading_face(self) -> Plug:
        front = max(self.parts, key=lambda part: part.front_m)
        if abs(front.front_m) > TIP_TOLERANCE_M:
            raise ValueError(
                f"parts: the leading face, of '{front.name}', is at z = {front.front_m:.6f} m; it must be at 0 m, "
                "where the tip's frame is"
            )
        thinnest = min(min(part.size_m) for part in self.parts)
        if thinnest < 2.0 * self.edge_radius_m:
            raise ValueError(
                f"edge_radius_m = {self.edge_radius_m} m is above half the thinnest part, {0.5 * thinnest:.6f} m"
            )
        return self
