"""Latches of a connector file: a force field, or a tooth on a spring."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from cablecell.core.config.connector.fields import Friction
from cablecell.core.config.documents import DocumentSchema


class Latch(DocumentSchema):
    """Latch as a force along the port's axis that depends on depth and has a memory.

    Pushing in, the force rises linearly from `start_m` before the stop to `engage_n` at `peak_m` before it, and drops
    to nothing over `snap_m`: the click. Latched, the plug moves back freely by `play_m`, then against a stiffness
    up to `retention_n`, where the latch lets go.

    `release_n` is the pull at which it lets go of a plug that is held where the gripper holds it, such as the sliding
    shell of a push-pull plug; without it that is no other than `retention_n`, or something has to be pressed first.
    """

    model: Literal["field"] = "field"
    start_m: Annotated[float, Field(gt=0.0, le=10.0e-3)]
    peak_m: Annotated[float, Field(gt=0.0, le=10.0e-3)]
    snap_m: Annotated[float, Field(gt=0.0, le=2.0e-3)]
    engage_n: Annotated[float, Field(ge=0.0, le=100.0)]
    play_m: Annotated[float, Field(ge=0.0, le=2.0e-3)]
    retention_n: Annotated[float, Field(ge=0.0, le=300.0)]
    release_n: Annotated[float, Field(gt=0.0, le=300.0)] | None = None
    retention_stiffness_n_per_m: Annotated[float, Field(ge=1.0e3, le=1.0e5)]

    @model_validator(mode="after")
    def _stages_are_in_order(self) -> Latch:
        if not self.start_m > self.peak_m > self.snap_m:
            raise ValueError(
                f"start_m = {self.start_m}, peak_m = {self.peak_m} and snap_m = {self.snap_m} m must decrease"
            )
        if self.release_n is not None and self.release_n > self.retention_n:
            raise ValueError(
                f"release_n = {self.release_n} N is above retention_n = {self.retention_n} N: the latch lets go before"
            )
        return self

    @property
    def click_m(self) -> float:
        """How far before its stop the plug is when the latch closes, m."""
        return self.peak_m - self.snap_m

    @property
    def reach_m(self) -> float:
        """How far before its stop the plug is when the latch begins to resist, m."""
        return self.start_m


class ToothLatch(DocumentSchema):
    """Latch as a sprung tooth that is pushed aside by a lip and snaps in behind it.

    The tooth of mass `mass_kg` sits on a spring across the axis; the lip pushes it back by `deflection_m` when the
    plug passes; closed, it lies at the foot of its back. The ramps are at angles from the insertion axis:
    `front_angle_rad` when going in, `back_angle_rad` when coming out.
    """

    model: Literal["tooth"]
    mass_kg: Annotated[float, Field(gt=0.0, le=0.1)]
    stiffness_n_per_m: Annotated[float, Field(ge=1.0e2, le=1.0e5)]
    damping_ratio: Annotated[float, Field(ge=0.0, le=2.0)]
    deflection_m: Annotated[float, Field(gt=0.0, le=3.0e-3)]
    front_angle_rad: Annotated[float, Field(gt=0.0, lt=math.pi / 2)]
    back_angle_rad: Annotated[float, Field(gt=0.0, lt=math.pi / 2)]
    friction: Friction

    @model_validator(mode="after")
    def _ramps_slide(self) -> ToothLatch:
        for key, angle in (("front_angle_rad", self.front_angle_rad), ("back_angle_rad", self.back_angle_rad)):
            limit = math.pi / 2 - math.atan(self.friction)
            if angle >= limit:
                raise ValueError(
                    f"{key} = {angle} rad locks at friction = {self.friction}: it must be below {limit:.4f} rad"
                )
        return self

    @property
    def click_m(self) -> float:
        """How far before its stop the plug is when the tooth has passed the lip, m."""
        return self.deflection_m / math.tan(self.back_angle_rad)

    @property
    def reach_m(self) -> float:
        """How far before its stop the plug is when the tooth meets the lip, m."""
        return self.click_m + self.deflection_m / math.tan(self.front_angle_rad)

    @property
    def engage_n(self) -> float:
        """Push that closes the latch, N: k·d·tan(front + atan µ)."""
        return self._ramp_n(self.front_angle_rad)

    @property
    def retention_n(self) -> float:
        """Pull that opens it, N: k·d·tan(back + atan µ)."""
        return self._ramp_n(self.back_angle_rad)

    @property
    def release_n(self) -> float | None:
        """Pull that opens it where the gripper holds the plug, N: none, the tooth has to be pressed."""
        return None

    @property
    def play_m(self) -> float:
        """Way back from the stop to where the closed latch holds, m: none beyond the seat's tolerance is modelled."""
        return 0.0

    def _ramp_n(self, angle_rad: float) -> float:
        return self.stiffness_n_per_m * self.deflection_m * math.tan(angle_rad + math.atan(self.friction))


AnyLatch = Annotated[Latch | ToothLatch, Field(discriminator="model")]
"""A latch of either model; a file says which by `model`."""
