"""Configuration of seeing: the fiducials on the task board and the thresholds of their detection."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from cablecell.core.config.documents import DocumentSchema
from cablecell.core.config.parameters import ParameterSchema, parameter

Vector3 = Annotated[tuple[float, float, float], Field(strict=False)]


class FiducialPatch(DocumentSchema):
    """One ChArUco pattern glued flat on the task board, readable from above."""

    name: str = parameter("patch", "Name of the patch.")
    columns: int = parameter(2, "Squares along the patch's x.", minimum=2, maximum=60)
    rows: int = parameter(22, "Squares along the patch's y.", minimum=2, maximum=60)
    first_marker: int = parameter(0, "Smallest marker number of the patch.", minimum=0, maximum=999)
    centre_m: Vector3 = parameter((0.0, 0.0, 0.012), "Centre of the patch in `task_board`.", unit="m")
    yaw_rad: float = parameter(
        0.0,
        "Turn of the patch about the board's z: its columns run along the board's x at 0.",
        unit="rad",
        minimum=-3.15,
        maximum=3.15,
    )

    @property
    def marker_count(self) -> int:
        """Number of markers: every second square holds one."""
        return self.columns * self.rows // 2


class FiducialSet(DocumentSchema):
    """All patches on the task board; they share a dictionary and their sizes."""

    dictionary: str = parameter("DICT_4X4_100", "Marker dictionary of OpenCV.")
    square_m: float = parameter(0.018, "Side of a square.", unit="m", minimum=0.002, maximum=0.2)
    marker_m: float = parameter(0.0135, "Side of a marker.", unit="m", minimum=0.001, maximum=0.2)
    patches: Annotated[tuple[FiducialPatch, ...], Field(strict=False, min_length=1)]

    @model_validator(mode="after")
    def _patches_fit_together(self) -> FiducialSet:
        if self.marker_m >= self.square_m:
            raise ValueError(f"marker_m = {self.marker_m} m must be below square_m = {self.square_m} m")
        used: dict[int, str] = {}
        for patch in self.patches:
            for number in range(patch.first_marker, patch.first_marker + patch.marker_count):
                if number in used:
                    raise ValueError(f"marker {number} is on patch '{used[number]}' and on patch '{patch.name}'")
                used[number] = patch.name
        return self


class DetectionSettings(ParameterSchema):
    """Thresholds of fiducial detection."""

    min_corners: int = parameter(6, "Fewest corners of one image that are worth anything.", minimum=3, maximum=1000)
    border_px: float = parameter(
        4.0, "Corners nearer to the edge of the image are dropped.", unit="px", minimum=0.0, maximum=100.0
    )
