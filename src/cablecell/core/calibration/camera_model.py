"""The lens that is calibrated: a pinhole with what rectification has left of the distortion, and its derivatives.

Images are published rectified. An error of the radial coefficient leaves k1; rectifying about a centre that is wrong by
c leaves decentring of the size k1 c / f, which would otherwise pass for a turn of the mount of three times that size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.camera import CameraIntrinsics

Matrix = NDArray[np.float64]

LENS_PARAMETERS = ("fx", "fy", "cx", "cy", "k1", "p1", "p2")


@dataclass(frozen=True)
class LensModel:
    """Camera model of a rectified image.

    A ray (x, y, 1) is seen at (fx x', fy y') + (cx, cy) with

        x' = x (1 + k1 r²) + 2 p1 x y + p2 (r² + 2 x²),   y' = y (1 + k1 r²) + p1 (r² + 2 y²) + 2 p2 x y.

    Attributes:
        width: Columns of the full image, px.
        height: Rows of the full image, px.
        values: fx, fy, cx, cy in px and k1, p1, p2, shape (7,).

    Source:
        Brown 1966, "Decentering distortion of lenses".
    """

    width: int
    height: int
    values: Matrix

    @staticmethod
    def of(intrinsics: CameraIntrinsics) -> LensModel:
        """Return a pinhole."""
        k = intrinsics
        return LensModel(k.width, k.height, np.array([k.fx, k.fy, k.cx, k.cy, 0.0, 0.0, 0.0]))

    def pinhole(self) -> CameraIntrinsics:
        """Return the model without its distortion."""
        fx, fy, cx, cy = self.values[:4].tolist()
        return CameraIntrinsics(width=self.width, height=self.height, fx=fx, fy=fy, cx=cx, cy=cy)

    def project(self, points: Matrix) -> Matrix:
        """Return pixels, shape (n, 2), of points in the optical frame, shape (n, 3), m."""
        seen = self._distorted(points[:, :2] / points[:, 2:])
        return np.asarray(seen * self.values[:2] + self.values[2:4])

    def rectified(self, pixels: Matrix) -> Matrix:
        """Return where the pinhole would see what is seen at pixels, shape (n, 2)."""
        seen = (pixels - self.values[2:4]) / self.values[:2]
        ray = seen.copy()
        for _ in range(5):  # the distortion is small: every step gains three digits
            ray += seen - self._distorted(ray)
        return np.asarray(ray * self.values[:2] + self.values[2:4])

    def derivatives(self, points: Matrix) -> tuple[Matrix, Matrix]:
        """Return d pixel / d point, shape (n, 2, 3), and d pixel / d values, shape (n, 2, 7)."""
        focal, (k1, p1, p2) = self.values[:2], self.values[4:]
        z = points[:, 2]
        x, y = points[:, 0] / z, points[:, 1] / z
        r2 = x * x + y * y
        s = 1.0 + k1 * r2
        by_ray = np.empty((len(points), 2, 2))
        by_ray[:, 0, 0] = s + 2.0 * k1 * x * x + 2.0 * p1 * y + 6.0 * p2 * x
        by_ray[:, 0, 1] = by_ray[:, 1, 0] = 2.0 * (k1 * x * y + p1 * x + p2 * y)
        by_ray[:, 1, 1] = s + 2.0 * k1 * y * y + 6.0 * p1 * y + 2.0 * p2 * x
        by_ray *= focal[:, None]
        by_point = np.empty((len(points), 2, 3))
        by_point[:, :, :2] = by_ray / z[:, None, None]
        by_point[:, :, 2] = -(by_ray[:, :, 0] * x[:, None] + by_ray[:, :, 1] * y[:, None]) / z[:, None]
        by_values = np.zeros((len(points), 2, 7))
        seen = self._distorted(np.stack([x, y], axis=1))
        by_values[:, 0, 0], by_values[:, 1, 1] = seen[:, 0], seen[:, 1]
        by_values[:, 0, 2] = by_values[:, 1, 3] = 1.0
        by_values[:, 0, 4:] = focal[0] * np.stack([x * r2, 2.0 * x * y, r2 + 2.0 * x * x], axis=1)
        by_values[:, 1, 4:] = focal[1] * np.stack([y * r2, r2 + 2.0 * y * y, 2.0 * x * y], axis=1)
        return by_point, by_values

    def _distorted(self, rays: Matrix) -> Matrix:
        k1, p1, p2 = self.values[4:]
        x, y = rays[:, 0], rays[:, 1]
        r2 = x * x + y * y
        return np.stack(
            [
                x * (1.0 + k1 * r2) + 2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x),
                y * (1.0 + k1 * r2) + p1 * (r2 + 2.0 * y * y) + 2.0 * p2 * x * y,
            ],
            axis=1,
        )
