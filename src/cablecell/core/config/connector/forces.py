"""The force budget of a connector file."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from cablecell.core.config.documents import DocumentSchema


class ForceBudget(DocumentSchema):
    """What a mating may cost and what breaks something.

    `insertion_max_n` is the largest axial force that a correct insertion needs, by standard or datasheet;
    `lateral_max_n` the largest force across the axis; `damage_n` the axial force from which plug, port or board suffer.
    """

    insertion_max_n: Annotated[float, Field(gt=0.0, le=300.0)]
    lateral_max_n: Annotated[float, Field(gt=0.0, le=300.0)]
    damage_n: Annotated[float, Field(gt=0.0, le=1000.0)]

    @model_validator(mode="after")
    def _inserting_does_no_damage(self) -> ForceBudget:
        if self.insertion_max_n > self.damage_n:
            raise ValueError(
                f"insertion_max_n = {self.insertion_max_n} N is above damage_n = {self.damage_n} N: "
                "a correct insertion would do damage"
            )
        return self
