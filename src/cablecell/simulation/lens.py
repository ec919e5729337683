"""Where the pixels of a camera look: the camera as calibrated, and the one that was really built.

Images are published rectified, as camera drivers do it: distortion is removed by the calibrated model. What the
calibration got wrong in focal length, principal point and distortion stays in them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.camera import CameraIntrinsics
from cablecell.ports import Region
from cablecell.simulation.raster_kernels import trace_pixels, undistorted
from cablecell.simulation.rasterizer import Rays, RayTable

Matrix = NDArray[np.float64]

_MARGIN = 1.4  # of the radius of the image's corner, up to which a lens is described
_SLACK_PX = 0.5


@dataclass(frozen=True)
class LensErrors:
    """How the lens of a camera differs from its calibration.

    Attributes:
        k1: Calibrated radial distortion: a ray of radius r is seen at r (1 + k1 r^2 + k2 r^4).
        k2: Likewise.
        focal: Relative error of the focal lengths along rows and columns, shape (2,).
        centre_px: Error of the principal point, shape (2,), px.
        k1_error: What k1 really is, minus what it is said to be.
    """

    k1: float = 0.0
    k2: float = 0.0
    focal: tuple[float, float] = (0.0, 0.0)
    centre_px: tuple[float, float] = (0.0, 0.0)
    k1_error: float = 0.0


@dataclass
class Lens:
    """The optics of one camera.

    Attributes:
        intrinsics: What calibration says; images are published so.
        errors: How the camera differs from it.
    """

    intrinsics: CameraIntrinsics
    errors: LensErrors = field(default_factory=LensErrors)

    def __post_init__(self) -> None:
        K, e = self.intrinsics, self.errors
        self._published = np.array([K.fx, K.fy, K.cx, K.cy, e.k1, e.k2])
        self._true = np.array(
            [
                K.fx * (1.0 + e.focal[0]),
                K.fy * (1.0 + e.focal[1]),
                K.cx + e.centre_px[0],
                K.cy + e.centre_px[1],
                e.k1 + e.k1_error,
                e.k2,
            ]
        )
        self._full: tuple[RayTable, RayTable] | None = None

    def rays(self, region: Region, supersampling: int = 1) -> Rays:
        """Return where the pixels of a part of the image look; those of the whole image are kept.

        Args:
            region: Part of the full image.
            supersampling: Rendered pixels per image pixel and axis.
        """
        if supersampling > 1:
            return self._bounded(region, supersampling, *self._trace(region, supersampling))
        if self._full is None:
            self._full = self._trace(Region(0, 0, self.intrinsics.width, self.intrinsics.height), 1)
        rows = slice(region.y, region.y + region.height)
        columns = slice(region.x, region.x + region.width)
        x, y = (np.ascontiguousarray(table[rows, columns]) for table in self._full)
        return self._bounded(region, 1, x, y)

    def project(self, points: Matrix) -> Matrix:
        """Return where points are seen in the published image, shape (n, 2), pixel centres at integers.

        Args:
            points: In the optical frame, in front of the camera, shape (n, 3), m.
        """
        p, t = self._published, self._true
        x, y = points[:, 0] / points[:, 2], points[:, 1] / points[:, 2]
        r2 = x * x + y * y
        s = 1.0 + t[4] * r2 + t[5] * r2 * r2
        u, v = t[0] * x * s + t[2], t[1] * y * s + t[3]
        found = [undistorted((a - p[2]) / p[0], (b - p[3]) / p[1], p[4], p[5]) for a, b in zip(u, v, strict=True)]
        return np.asarray(np.array(found).reshape(-1, 2) * p[:2] + p[2:4])

    def _trace(self, region: Region, n: int) -> tuple[RayTable, RayTable]:
        """Return the rays of a part of the image with n samples per pixel and axis; about 30 ns each."""
        x = np.empty((n * region.height, n * region.width), dtype=np.float32)
        y = np.empty_like(x)
        first = _first_sample(n)
        trace_pixels(region.x + first, region.y + first, 1.0 / n, self._published, self._true, x, y)
        return x, y

    def _bounded(self, region: Region, n: int, x: RayTable, y: RayTable) -> Rays:
        e, t = self.errors, self._true
        size = np.array([self.intrinsics.width, self.intrinsics.height])
        radius = float(np.linalg.norm(np.maximum(t[2:4], size - t[2:4]) / t[:2]))
        offset = np.array([region.x, region.y]) + _first_sample(n)
        # What rectification leaves of the distortion is the error of k1; the rest of the second order is slack.
        model = np.array([*(n * t[:2]), *(n * (t[2:4] - offset)), e.k1_error, 0.0, (_MARGIN * radius) ** 2])
        return Rays(x, y, model, n * (_SLACK_PX + self._second_order_px(radius)))

    def _second_order_px(self, radius: float) -> float:
        """Return a bound of what the simple model of `Rays` leaves out, px."""
        e, t = self.errors, self._true
        strength = abs(e.k1) * radius**2 + abs(e.k2) * radius**4
        moved = abs(e.k1_error) * radius**3 * t[0] + abs(e.focal[0]) * radius * t[0] + max(map(abs, e.centre_px))
        return float(4.0 * strength * moved)


def _first_sample(n: int) -> float:
    """Return where the first of n samples of a pixel is from the pixel's centre, px."""
    return 0.5 / n - 0.5
