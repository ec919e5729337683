"""How the plug of a connector file is held."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from cablecell.core.config.connector.fields import Point, Size
from cablecell.core.config.documents import DocumentSchema


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


class GraspSurface(DocumentSchema):
    """A pair of flat faces that the pads may hold, in `<plug>_tip`.

    The pads close along `axis`; `centre_m` is in the middle between the faces, `width_m` their distance. `size_m` is
    the patch a pad may cover: across, and along z.
    """

    name: str
    axis: Literal["x", "y"]
    centre_m: Point
    width_m: Size
    size_m: Annotated[list[Size], Field(min_length=2, max_length=2)]

    @property
    def front_m(self) -> float:
        """Where the patch ends towards the tip: its largest z, m."""
        return self.centre_m[2] + 0.5 * self.size_m[1]


class Grasp(DocumentSchema):
    """How the plug is held: width of the fingers on it, the pose of its tip in its cable's frame, where pads may hold.

    The trial states where the cable's frame is when the plug is gripped, and so where the tip is in the gripper.
    """

    width_m: Size
    cable_frame: FixedPose
    surfaces: Annotated[list[GraspSurface], Field(min_length=1)]
