"""Kinds of numbers that several groups of a connector file have."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Metres = Annotated[float, Field(ge=-0.5, le=0.5)]
Size = Annotated[float, Field(gt=0.0, le=0.5)]
Range = Annotated[list[Metres], Field(min_length=2, max_length=2)]
Point = Annotated[list[Metres], Field(min_length=3, max_length=3)]
Extent = Annotated[list[Size], Field(min_length=3, max_length=3)]
Rgb = Annotated[list[Annotated[float, Field(ge=0.0, le=1.0)]], Field(min_length=3, max_length=3)]
Friction = Annotated[float, Field(ge=0.0, le=1.5)]
