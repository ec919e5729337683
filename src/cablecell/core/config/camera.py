"""Configuration of the wrist cameras: intrinsics, and the errors a simulated camera adds."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from cablecell.core.config.parameters import ParameterSchema, parameter


class CameraIntrinsics(ParameterSchema):
    """Pinhole model of a full image, pixel centres at integers; the default is the AIC wrist camera."""

    width: int = parameter(1152, "Columns of the full image.", unit="px", minimum=16, maximum=8192)
    height: int = parameter(1024, "Rows of the full image.", unit="px", minimum=16, maximum=8192)
    fx: float = parameter(1236.63, "Focal length along a row.", unit="px", minimum=1.0, maximum=1e5)
    fy: float = parameter(1236.63, "Focal length along a column.", unit="px", minimum=1.0, maximum=1e5)
    cx: float = parameter(576.0, "Column of the principal point.", unit="px", minimum=0.0, maximum=8192.0)
    cy: float = parameter(512.0, "Row of the principal point.", unit="px", minimum=0.0, maximum=8192.0)

    def matrix(self) -> NDArray[np.float64]:
        """Return K, shape (3, 3), pixels."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])


class ImageErrors(ParameterSchema):
    """Seeded errors of a simulated image, in the order light meets them: exposure, lens blur, sensor noise."""

    blur_sigma_px: float = parameter(
        0.8, "Standard deviation of the lens blur, in pixels of the full image.", unit="px", minimum=0.0, maximum=10.0
    )
    full_well_e: float = parameter(
        10500.0, "Electrons of a white pixel; 0: no noise.", unit="e⁻", minimum=0.0, maximum=1e7
    )
    read_noise_e: float = parameter(2.5, "Noise of reading a pixel.", unit="e⁻", minimum=0.0, maximum=1e4)
    exposure: float = parameter(1.0, "Gain before the sensor clips.", minimum=0.05, maximum=10.0)
    gamma: float = parameter(1.0, "Exponent of the sensor's response.", minimum=0.2, maximum=5.0)

    @staticmethod
    def none() -> ImageErrors:
        """Return the errors of an ideal image."""
        return ImageErrors(blur_sigma_px=0.0, full_well_e=0.0, read_noise_e=0.0)


class RenderSettings(ParameterSchema):
    """How a simulated image is made."""

    supersampling: int = parameter(1, "Rendered pixels per image pixel and axis.", minimum=1, maximum=4)
    near_m: float = parameter(0.07, "Nearest visible depth.", unit="m", minimum=1e-3, maximum=1.0)
    light_direction: Annotated[tuple[float, float, float], Field(strict=False)] = parameter(
        (0.3, 0.2, 1.0), "Direction from the scene to the light, in `world`."
    )
    ambient: float = parameter(0.6, "Share of light that comes from everywhere.", minimum=0.0, maximum=1.0)
    diffuse: float = parameter(0.35, "Share of light for surfaces that face the light.", minimum=0.0, maximum=1.0)
