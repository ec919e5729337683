"""The port of a connector file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from cablecell.core.config.connector.fields import Metres, Range, Rgb, Size
from cablecell.core.config.documents import DocumentSchema

Side = Literal["+x", "-x", "+y", "-y"]


class LeadIn(DocumentSchema):
    """Chamfer of 45° at the mouth, on one side of a wall; `side` is the side of the wall that it takes away, m."""

    side: Side
    height_m: Annotated[float, Field(ge=0.0, le=5.0e-3)]


class Taper(DocumentSchema):
    """A face of a wall that comes closer with depth, straight from the rim to `depth_m`, and then stays."""

    side: Side
    recess_m: Annotated[float, Field(gt=0.0, le=2.0e-3)]
    depth_m: Annotated[float, Field(gt=0.0, le=0.1)]


class Wall(DocumentSchema):
    """One wall of the port: a rectangle in the section, along z, with its lead-ins; it becomes one convex hull.

    It begins at the port's rim, or at a depth of its own: a tongue that stands back, or a rib that only keys.
    """

    name: str
    x_m: Range
    y_m: Range
    lead_in: list[LeadIn] = Field(default=[])
    taper: Taper | None = None
    rim_depth_m: Metres | None = None

    @model_validator(mode="after")
    def _ranges_increase(self) -> Wall:
        for axis, limits in (("x_m", self.x_m), ("y_m", self.y_m)):
            if limits[0] >= limits[1]:
                raise ValueError(f"wall '{self.name}': {axis} = {limits} must increase")
        return self

    def stands_back_m(self, side: str, below_rim_m: float) -> float:
        """Return by how much a side stands back from its final face at a depth below the wall's own rim, m.

        That is max(0, h - d) for a lead-in of height h, and r·max(0, 1 - d/D) for a taper.
        """
        back = sum(max(0.0, lead.height_m - below_rim_m) for lead in self.lead_in if lead.side == side)
        if self.taper is not None and self.taper.side == side:
            back += self.taper.recess_m * max(0.0, 1.0 - below_rim_m / self.taper.depth_m)
        return back

    def section_m(self, below_rim_m: float) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return the spans along x and y at a depth below the wall's own rim, m."""
        back = {side: self.stands_back_m(side, below_rim_m) for side in ("+x", "-x", "+y", "-y")}
        (x0, x1), (y0, y1) = self.x_m, self.y_m
        return (x0 + back["-x"], x1 - back["+x"]), (y0 + back["-y"], y1 - back["+y"])


class Port(DocumentSchema):
    """The port: walls around the channel and a floor that stops the plug; `material` is for people."""

    material: str = "not stated"
    rim_depth_m: Annotated[float, Field(ge=-2.0e-3, le=2.0e-3)]
    wall_end_m: Size
    stop_depth_m: Size
    seat_tolerance_m: Annotated[float, Field(gt=0.0, le=2.0e-3)]
    walls: list[Wall]
    floor_x_m: Range
    floor_y_m: Range
    color: Rgb = Field(default=[0.62, 0.63, 0.65])

    @model_validator(mode="after")
    def _stop_is_inside(self) -> Port:
        if not self.rim_depth_m < self.stop_depth_m <= self.wall_end_m:
            raise ValueError(
                f"stop_depth_m = {self.stop_depth_m} m must lie between rim_depth_m = {self.rim_depth_m} m and "
                f"wall_end_m = {self.wall_end_m} m"
            )
        for wall in self.walls:
            if not self.rim_depth_m <= self.wall_rim_m(wall) < self.wall_end_m:
                raise ValueError(
                    f"wall '{wall.name}': rim_depth_m = {wall.rim_depth_m} m must lie between the port's rim_depth_m = "
                    f"{self.rim_depth_m} m and wall_end_m = {self.wall_end_m} m"
                )
        for axis, limits in (("floor_x_m", self.floor_x_m), ("floor_y_m", self.floor_y_m)):
            if limits[0] >= limits[1]:
                raise ValueError(f"{axis} = {limits} must increase")
        return self

    def wall_rim_m(self, wall: Wall) -> float:
        """Return the depth at which a wall begins, m."""
        return self.rim_depth_m if wall.rim_depth_m is None else wall.rim_depth_m
