"""The connector schema: a plug and its port as data, from which contact geometry, latch and grasp are built.

Frames: the plug is described in `<plug>_tip` (z along insertion, origin at the leading face), the port in
`<port>_entrance` (z into the port). Both x axes and both y axes coincide when the plug is in the port.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from cablecell.core.config.documents import DocumentSchema, validate_document

Metres = Annotated[float, Field(ge=-0.5, le=0.5)]
Size = Annotated[float, Field(gt=0.0, le=0.5)]
Range = Annotated[list[Metres], Field(min_length=2, max_length=2)]
Point = Annotated[list[Metres], Field(min_length=3, max_length=3)]
Extent = Annotated[list[Size], Field(min_length=3, max_length=3)]
Rgb = Annotated[list[Annotated[float, Field(ge=0.0, le=1.0)]], Field(min_length=3, max_length=3)]

MIN_PLUG_MASS_KG = 0.08
"""Lightest plug body that the explicit grasp spring holds stably at the physics rate."""
MIN_PLUG_INERTIA_KG_M2 = 2.0e-5
"""Smallest moment of inertia for the same reason."""


class PlugPart(DocumentSchema):
    """One box of the plug, along the axes of `<plug>_tip`.

    `mates` marks the parts that go into the port: these grow when a smaller clearance is asked for.
    """

    name: str
    centre_m: Point
    size_m: Extent
    mates: bool
    color: Rgb = Field(default=[0.7, 0.7, 0.72])


class Plug(DocumentSchema):
    """The plug: a rigid body of boxes with rounded edges.

    Mass and inertia are those of the plug with the part of cable and gripper pad that moves with it.
    """

    mass_kg: Annotated[float, Field(ge=MIN_PLUG_MASS_KG, le=2.0)]
    com_m: Point
    inertia_kg_m2: Annotated[
        list[Annotated[float, Field(ge=MIN_PLUG_INERTIA_KG_M2, le=0.1)]], Field(min_length=3, max_length=3)
    ]
    edge_radius_m: Annotated[float, Field(ge=2.0e-5, le=2.0e-4)]
    cable_exit_m: Point
    parts: Annotated[list[PlugPart], Field(min_length=1)]


class LeadIn(DocumentSchema):
    """Chamfer of 45° at the mouth, on one side of a wall; `side` is the side of the wall that it takes away, m."""

    side: Literal["+x", "-x", "+y", "-y"]
    height_m: Annotated[float, Field(ge=0.0, le=5.0e-3)]


class Taper(DocumentSchema):
    """A face of a wall that comes closer with depth, straight from the rim to `depth_m`, and then stays."""

    side: Literal["+x", "-x", "+y", "-y"]
    recess_m: Annotated[float, Field(gt=0.0, le=2.0e-3)]
    depth_m: Annotated[float, Field(gt=0.0, le=0.1)]


class Wall(DocumentSchema):
    """One wall of the port: a rectangle in the section, along z, with its lead-ins; it becomes one convex hull."""

    name: str
    x_m: Range
    y_m: Range
    lead_in: list[LeadIn] = Field(default=[])
    taper: Taper | None = None

    @model_validator(mode="after")
    def _ranges_increase(self) -> Wall:
        for axis, limits in (("x_m", self.x_m), ("y_m", self.y_m)):
            if limits[0] >= limits[1]:
                raise ValueError(f"wall '{self.name}': {axis} = {limits} must increase")
        return self


class Port(DocumentSchema):
    """The port: walls around the channel and a floor that stops the plug."""

    rim_depth_m: Annotated[float, Field(ge=-2.0e-3, le=2.0e-3)]
    wall_end_m: Size
    stop_depth_m: Size
    seat_tolerance_m: Annotated[float, Field(gt=0.0, le=2.0e-3)]
    walls: Annotated[list[Wall], Field(min_length=1)]
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
        return self


class Clearance(DocumentSchema):
    """Nominal clearance per side, m."""

    x_m: Annotated[float, Field(gt=0.0, le=5.0e-3)]
    y_m: Annotated[float, Field(gt=0.0, le=5.0e-3)]


class Latch(DocumentSchema):
    """Latch as a force along the port's axis that depends on depth and has a memory.

    Pushing in, the force rises linearly from `start_m` before the stop to `engage_n` at `peak_m` before it, and drops
    to nothing over `snap_m`: the click. Latched, the plug moves back freely by `play_m`, then against a stiffness
    up to `retention_n`, where the latch lets go.
    """

    start_m: Annotated[float, Field(gt=0.0, le=10.0e-3)]
    peak_m: Annotated[float, Field(gt=0.0, le=10.0e-3)]
    snap_m: Annotated[float, Field(gt=0.0, le=2.0e-3)]
    engage_n: Annotated[float, Field(ge=0.0, le=100.0)]
    play_m: Annotated[float, Field(ge=0.0, le=2.0e-3)]
    retention_n: Annotated[float, Field(ge=0.0, le=300.0)]
    retention_stiffness_n_per_m: Annotated[float, Field(ge=1.0e3, le=1.0e5)]

    @model_validator(mode="after")
    def _stages_are_in_order(self) -> Latch:
        if not self.start_m > self.peak_m > self.snap_m:
            raise ValueError(
                f"start_m = {self.start_m}, peak_m = {self.peak_m} and snap_m = {self.snap_m} m must decrease"
            )
        return self


class FixedPose(DocumentSchema):
    """A pose as position, m, and quaternion x, y, z, w of norm one."""

    position_m: Point
    quat_xyzw: Annotated[list[Annotated[float, Field(ge=-1.0, le=1.0)]], Field(min_length=4, max_length=4)]

    @model_validator(mode="after")
    def _quaternion_has_norm_one(self) -> FixedPose:
        norm = sum(v * v for v in self.quat_xyzw) ** 0.5
        if abs(norm - 1.0) > 1.0e-6:
            raise ValueError(f"quat_xyzw has norm {norm:.6f}; it must be 1")
        return self


class Grasp(DocumentSchema):
    """How the plug is held: width of the fingers on it, and the pose of its tip in its cable's frame.

    The trial states where the cable's frame is when the plug is gripped, and so where the tip is in the gripper.
    """

    width_m: Size
    cable_frame: FixedPose


class CableProperties(DocumentSchema):
    """The cable behind the plug."""

    length_m: Annotated[float, Field(gt=0.05, le=5.0)]
    mass_kg_per_m: Annotated[float, Field(ge=0.0, le=1.0)]
    bending_stiffness_nm2: Annotated[float, Field(ge=0.0, le=0.1)]
    diameter_m: Size


class Connector(DocumentSchema):
    """A plug, its port and how they fit."""

    name: str
    sources: Annotated[list[str], Field(min_length=1)]
    clearance: Clearance
    friction: Annotated[float, Field(ge=0.0, le=1.5)]
    plug: Plug
    port: Port
    latch: Latch | None = None
    grasp: Grasp
    cable: CableProperties

    def with_clearance(self, clearance_m: float) -> Connector:
        """Return the same connector with its mating plug parts grown to one clearance on every side.

        Args:
            clearance_m: Clearance per side, m; above zero.

        Raises:
            ValueError: The clearance is not above zero.
        """
        if not clearance_m > 0.0:
            raise ValueError(f"clearance_m = {clearance_m} m must be above 0")
        growth = (self.clearance.x_m - clearance_m, self.clearance.y_m - clearance_m, 0.0)
        parts = [
            part.model_copy(update={"size_m": [s + 2.0 * g for s, g in zip(part.size_m, growth, strict=True)]})
            if part.mates
            else part
            for part in self.plug.parts
        ]
        return self.model_copy(
            update={
                "clearance": Clearance(x_m=clearance_m, y_m=clearance_m),
                "plug": self.plug.model_copy(update={"parts": parts}),
            }
        )


def parse_connector(data: object, source: str) -> Connector:
    """Return a parsed YAML document as a connector.

    Args:
        data: The parsed document.
        source: Name of the file, for messages.

    Raises:
        DocumentError: Unknown key, wrong type, or value out of range (code 910).
    """
    return validate_document(Connector, data, source)
