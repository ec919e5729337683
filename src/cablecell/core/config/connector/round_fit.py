"""A round fit of a connector file: pin and bore instead of boxes and walls."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from cablecell.core.config.documents import DocumentSchema


class RoundFit(DocumentSchema):
    """A cylindrical pin in a bore, on the axis of the port.

    As "pin" the plug is the pin and the port has the bore, its mouth at `rim_depth_m`; as "socket" the plug has the
    bore, its mouth at the tip, and goes over the port's post, whose end is at `rim_depth_m`. The mouth is a cone of
    45° and height `lead_in_m`; behind it the bore is cylindrical over `engagement_m`. The pin's edge has a chamfer of
    45° and height `tip_chamfer_m`. Contact is elastic with `stiffness_n_per_m` at each point.
    """

    gender: Literal["pin", "socket"]
    pin_radius_m: Annotated[float, Field(gt=0.0, le=0.05)]
    bore_radius_m: Annotated[float, Field(gt=0.0, le=0.05)]
    lead_in_m: Annotated[float, Field(ge=0.0, le=5.0e-3)]
    tip_chamfer_m: Annotated[float, Field(ge=0.0, le=5.0e-3)]
    rim_depth_m: Annotated[float, Field(ge=-2.0e-3, le=2.0e-3)]
    engagement_m: Annotated[float, Field(gt=0.0, le=0.1)]
    stiffness_n_per_m: Annotated[float, Field(ge=1.0e5, le=1.0e9)] = 1.0e8

    @model_validator(mode="after")
    def _pin_fits_the_bore(self) -> RoundFit:
        if self.pin_radius_m >= self.bore_radius_m:
            raise ValueError(
                f"pin_radius_m = {self.pin_radius_m} m must be below bore_radius_m = {self.bore_radius_m} m: "
                "the plug is larger than its port"
            )
        if self.tip_chamfer_m >= self.pin_radius_m:
            raise ValueError(
                f"tip_chamfer_m = {self.tip_chamfer_m} m must be below pin_radius_m = {self.pin_radius_m} m"
            )
        return self

    @property
    def clearance_m(self) -> float:
        """Clearance per side, m."""
        return self.bore_radius_m - self.pin_radius_m
