"""Wrist cameras of the simulated cell: a software renderer behind the `Camera` port.

The renderer needs no display and no GPU. It has no anti-aliasing, so an image can be rendered finer and averaged
(supersampling). A region of interest is rendered alone and equals the same part of the full image.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri  # type: ignore[import-untyped]

from cablecell.core.config.camera import CameraIntrinsics, ImageErrors, RenderSettings
from cablecell.core.errors import WorkcellError
from cablecell.ports import Frame, Region
from cablecell.simulation.lens import Lens
from cablecell.simulation.raster_kernels import expose
from cablecell.simulation.rasterizer import Rays

Matrix = NDArray[np.float64]
Image = NDArray[np.uint8]

_TABLE = 1 << 16


class RegionError(WorkcellError):
    """A region of interest does not lie inside the image."""

    code = 821


class Renderer(Protocol):
    """What a camera needs of a scene."""

    def render(self, X_world_optical: Matrix, rays: Rays, settings: RenderSettings) -> Image:
        """Return an RGB image, shape (h, w, 3), of the scene from a pose of the optical frame, along rays (h, w)."""
        ...


def degrade(image: Image, errors: ImageErrors, rng: np.random.Generator) -> Image:
    """Return the image as a sensor with these errors would see it.

    The lens blurs, the exposure scales, the pixels fill up to their full well, photons arrive at random and reading
    adds noise: the variance in electrons is the signal plus the square of the read noise. Both are drawn from a normal
    distribution, which photons follow from a dozen on. About 2 ns a value.

    Args:
        image: Ideal image, shape (h, w, 3), uint8.
        errors: Sizes of the errors.
        rng: Source of the noise.
    """
    if errors.blur_sigma_px > 0.0:
        blurred = cv2.GaussianBlur(image, (0, 0), errors.blur_sigma_px, borderType=cv2.BORDER_REPLICATE)
        image = np.ascontiguousarray(blurred, dtype=np.uint8)
    else:
        image = image.copy()
    signal = np.clip(np.arange(256) / 255.0 * errors.exposure, 0.0, 1.0)
    slope = errors.gamma * np.maximum(signal, 1.0 / 255.0) ** (errors.gamma - 1.0)
    per_electron = 255.0 / errors.full_well_e if errors.full_well_e > 0.0 else 0.0
    electrons = signal * errors.full_well_e + errors.read_noise_e**2
    sigma = np.sqrt(electrons) * per_electron * slope
    mean = 255.0 * signal**errors.gamma
    seed = np.uint64(rng.integers(1 << 63))
    expose(image.reshape(-1), mean.astype(np.float32), sigma.astype(np.float32), _gaussian_table(), seed)
    return image


@lru_cache(maxsize=1)
def _gaussian_table() -> NDArray[np.float32]:
    """Return equally likely values of a standard normal; looking one up takes a third of the time of drawing one."""
    return np.asarray(ndtri((np.arange(_TABLE) + 0.5) / _TABLE), dtype=np.float32)


@dataclass(frozen=True)
class CameraPose:
    """Where a camera was when it exposed.

    Attributes:
        stamp_s: Time of exposure, s.
        X_world_optical: Pose of the optical frame, shape (4, 4).
    """

    stamp_s: float
    X_world_optical: Matrix


class SimulatedCamera:
    """A wrist camera that renders on demand; implements `cablecell.ports.Camera`.

    The same camera, seed and number of earlier captures give the same noise.
    """

    def __init__(
        self,
        name: str,
        frame_id: str,
        renderer: Renderer,
        pose: Callable[[], CameraPose],
        *,
        lens: Lens | None = None,
        errors: ImageErrors | None = None,
        settings: RenderSettings | None = None,
        seed: int = 0,
    ) -> None:
        """Make a camera.

        Args:
            name: Name of the camera, part of its seed.
            frame_id: Optical frame written into every image.
            renderer: Scene that is looked at.
            pose: Returns where the camera is now.
            lens: Camera model and how the camera differs from it; the AIC wrist camera without errors by default.
            errors: Image errors; none by default.
            settings: Rendering; one sample per pixel by default.
            seed: Seed of the noise.
        """
        self.name = name
        self.frame_id = frame_id
        self._lens = lens or Lens(CameraIntrinsics())
        self._renderer = renderer
        self._pose = pose
        self._errors = errors or ImageErrors.none()
        self._settings = settings or RenderSettings()
        self._rng = np.random.default_rng([seed, zlib.crc32(name.encode())])

    @property
    def intrinsics(self) -> CameraIntrinsics:
        """The camera model of its images, as calibrated."""
        return self._lens.intrinsics

    def capture(self, region: Region | None = None) -> Frame:
        """Return a new image, or the part of it that is asked for.

        Raises:
            RegionError: The region is empty or leaves the image (code 821).
        """
        full = Region(0, 0, self.intrinsics.width, self.intrinsics.height)
        region = region or full
        inside = 0 <= region.x < region.x + region.width <= full.width
        inside = inside and 0 <= region.y < region.y + region.height <= full.height
        if not inside:
            raise RegionError(
                f"region x={region.x} y={region.y} {region.width}x{region.height} px is not inside the "
                f"{full.width}x{full.height} px image of {self.name}",
                quantity="region",
                value=region,
                limit=full,
                unit="px",
                frame=self.frame_id,
            )
        pose = self._pose()
        image = self._render(pose.X_world_optical, region)
        return Frame(pose.stamp_s, self.frame_id, image, self.intrinsics.matrix(), region)

    def _render(self, X_world_optical: Matrix, region: Region) -> Image:
        settings = self._settings
        n = settings.supersampling
        fine = self._renderer.render(X_world_optical, self._lens.rays(region, n), settings)
        if n > 1:
            fine = cv2.resize(fine, (region.width, region.height), interpolation=cv2.INTER_AREA).astype(np.uint8)
        return degrade(fine, self._errors, self._rng)
