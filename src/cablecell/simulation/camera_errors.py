"""The wrist cameras as they were built and mounted, drawn from a seed; estimators know the calibrated ones."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.camera import ImageErrors
from cablecell.core.config.sensors import CameraSettings
from cablecell.core.geometry import exp_se3
from cablecell.simulation.lens import LensErrors

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class CameraAsBuilt:
    """One camera as it is.

    Attributes:
        X_tcp_optical: Where it really sits, shape (4, 4).
        lens: How its lens differs from its calibration.
        image: What happens to its images.
    """

    X_tcp_optical: Matrix
    lens: LensErrors
    image: ImageErrors


def draw_cameras(
    settings: CameraSettings, mounts: Mapping[str, Matrix], seed: int, *, scale: float = 1.0
) -> dict[str, CameraAsBuilt]:
    """Return the cameras of a seed, by name.

    Every effect of every camera draws from a stream of its own: switching one off leaves the others as they are.

    Args:
        settings: Sizes of the errors.
        mounts: X_tcp_optical as calibrated, by name, shape (4, 4).
        seed: Decides which cameras they are; every process that shows the scene must use the same.
        scale: Size of the images over that of the real cameras: errors in pixels shrink with it.
    """

    def draws(what: str, count: int) -> Matrix:
        return np.random.default_rng([seed, zlib.crc32(what.encode())]).standard_normal(count)

    s = settings
    common = exp_se3(draws("hand-eye", 6) * ([s.hand_eye_common_m] * 3 + [s.hand_eye_common_rad] * 3))
    built = {}
    for name, X_tcp_optical in mounts.items():
        own = exp_se3(draws(f"{name}/hand-eye", 6) * ([s.hand_eye_own_m] * 3 + [s.hand_eye_own_rad] * 3))
        fx, fy, cx, cy = (draws(f"{name}/intrinsics", 4)).tolist()
        lens = LensErrors(
            k1=s.k1,
            k2=s.k2,
            focal=(s.focal_error * fx, s.focal_error * fy),
            centre_px=(scale * s.centre_error_px * cx, scale * s.centre_error_px * cy),
            k1_error=s.k1_error * float(draws(f"{name}/distortion", 1)[0]),
        )
        image = ImageErrors(
            blur_sigma_px=scale * s.blur_sigma_px,
            full_well_e=s.full_well_e,
            read_noise_e=s.read_noise_e,
            exposure=math.exp(s.exposure_error * float(draws(f"{name}/exposure", 1)[0])),
        )
        built[name] = CameraAsBuilt(common @ X_tcp_optical @ own, lens, image)
    return built
