"""Wrist cameras of the simulated cell: a software renderer behind the `Camera` port.

The renderer needs no display and no GPU. It has no anti-aliasing, so an image can be rendered finer and averaged
(supersampling). A region of interest is rendered alone through an off-axis frustum and equals the same part of the
full image.
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

Matrix = NDArray[np.float64]
Image = NDArray[np.uint8]

_TABLE = 1 << 16
_OPTICAL_TO_GL = np.diag([1.0, -1.0, -1.0, 1.0])


class RegionError(WorkcellError):
    """A region of interest does not lie inside the image."""

    code = 821


class Renderer(Protocol):
    """What a camera needs of a scene."""

    def render(self, view: Matrix, projection: Matrix, width: int, height: int, settings: RenderSettings) -> Image:
        """Return an RGB image, shape (height, width, 3), for two OpenGL matrices (4, 4)."""
        ...


def projection_matrix(K: Matrix, region: Region, *, near_m: float, far_m: float) -> Matrix:
    """Return the off-axis OpenGL projection of a region of an image.

    Args:
        K: Intrinsics of the full image, pixel centres at integers, shape (3, 3), pixels.
        region: Part of the full image to render.
        near_m: Nearest visible depth, m.
        far_m: Farthest visible depth, m.

    Returns:
        Matrix in the usual row-column order, shape (4, 4); OpenGL wants it transposed.
    """
    fx, fy, cx, cy = float(K[0, 0]), float(K[1, 1]), float(K[0, 2]), float(K[1, 2])
    left = (region.x - 0.5 - cx) / fx * near_m
    right = left + region.width / fx * near_m
    top = -(region.y - 0.5 - cy) / fy * near_m
    bottom = top - region.height / fy * near_m
    P = np.zeros((4, 4))
    P[0, 0] = 2.0 * near_m / (right - left)
    P[0, 2] = (right + left) / (right - left)
    P[1, 1] = 2.0 * near_m / (top - bottom)
    P[1, 2] = (top + bottom) / (top - bottom)
    P[2, 2] = -(far_m + near_m) / (far_m - near_m)
    P[2, 3] = -2.0 * far_m * near_m / (far_m - near_m)
    P[3, 2] = -1.0
    return P


def view_matrix(X_world_optical: Matrix) -> Matrix:
    """Return the OpenGL view matrix (4, 4), row-column order, of a camera whose optical frame has z forward, y down."""
    return np.asarray(_OPTICAL_TO_GL @ np.linalg.inv(X_world_optical), dtype=np.float64)


def degrade(image: Image, errors: ImageErrors, rng: np.random.Generator) -> Image:
    """Return the image as a sensor with these errors would see it.

    Noise grows with the square root of the signal above a dark floor, as photon noise does.

    Args:
        image: Ideal image, shape (h, w, 3), uint8.
        errors: Sizes of the errors.
        rng: Source of the noise.
    """
    signal = image.astype(np.float32)
    signal *= np.float32(errors.exposure / 255.0)
    if errors.blur_sigma_px > 0.0:
        blurred = cv2.GaussianBlur(signal, (0, 0), errors.blur_sigma_px, borderType=cv2.BORDER_REPLICATE)
        signal = np.asarray(blurred, dtype=np.float32)
    np.clip(signal, 0.0, 1.0, out=signal)
    if errors.gamma != 1.0:
        signal = np.power(signal, np.float32(errors.gamma))
    if errors.noise_levels > 0.0:
        noise = np.take(_gaussian_table(), rng.integers(0, _TABLE, signal.shape, dtype=np.uint16))
        noise *= np.sqrt(0.15 + 0.85 * signal)
        noise *= np.float32(errors.noise_levels / 255.0)
        signal += noise
    # Rounds to the nearest level and stops at both ends.
    return np.asarray(cv2.convertScaleAbs(np.maximum(signal, 0.0, out=signal), alpha=255.0), dtype=np.uint8)


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
        intrinsics: CameraIntrinsics | None = None,
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
            intrinsics: Camera model; the AIC wrist camera by default.
            errors: Image errors; none by default.
            settings: Rendering; one sample per pixel by default.
            seed: Seed of the noise.
        """
        self.name = name
        self.frame_id = frame_id
        self.intrinsics = intrinsics or CameraIntrinsics()
        self._renderer = renderer
        self._pose = pose
        self._errors = errors or ImageErrors(blur_sigma_px=0.0, noise_levels=0.0)
        self._settings = settings or RenderSettings()
        self._rng = np.random.default_rng([seed, zlib.crc32(name.encode())])

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
        P = projection_matrix(self.intrinsics.matrix(), region, near_m=settings.near_m, far_m=settings.far_m)
        fine = self._renderer.render(view_matrix(X_world_optical), P, region.width * n, region.height * n, settings)
        if n > 1:
            fine = cv2.resize(fine, (region.width, region.height), interpolation=cv2.INTER_AREA).astype(np.uint8)
        return degrade(fine, self._errors, self._rng)
