"""The cable of a connector file."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from cablecell.core.config.connector.fields import Size
from cablecell.core.config.documents import DocumentSchema


class CableProperties(DocumentSchema):
    """The cable behind the plug; `min_bend_radius_m` is what it may be bent to at rest."""

    length_m: Annotated[float, Field(gt=0.05, le=5.0)]
    mass_kg_per_m: Annotated[float, Field(ge=0.0, le=1.0)]
    bending_stiffness_nm2: Annotated[float, Field(ge=0.0, le=0.1)]
    diameter_m: Size
    min_bend_radius_m: Annotated[float, Field(gt=0.0, le=0.5)]
