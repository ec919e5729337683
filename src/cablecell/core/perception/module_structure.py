"""What else of a module can be seen beside its ports' rims: edges of card, bezel and mount that tell places apart.

Two ports of a card look alike, and so do the inner and the outer edge of a thin rim. The rest of the module does not
repeat itself. Its edges are never used to say where a module is, only which of some places is right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.port_vision import PortVisionSettings
from cablecell.core.perception.edge_equations import edge_rows
from cablecell.core.perception.edge_kernels import find
from cablecell.core.perception.module_views import (
    MOST_MISFIT,
    ModuleView,
    edges_in_sight,
    misfits,
    noise_levels,
)
from cablecell.core.perception.modules import ModuleDesign
from cablecell.core.perception.reprojection import project

Matrix = NDArray[np.float64]

_MOST_POINTS = 160  # per camera
_AROUND_PX = 220.0  # beside the rims; farther away other things are in sight
_RANGE_PX, _BLUR_PX = 3.0, 0.9
_TELLS_PX = 1.5
"""Edges that move by less across themselves look the same at both places."""


@dataclass(frozen=True)
class StructureFit:
    """How the structure of a module agrees with the images if it is at a place.

    Attributes:
        asked: Points in sight that would be elsewhere at the other place.
        fit: How well they fit, 1 for exactly, 0 for nothing found.
    """

    asked: int
    fit: float


def structure_fit(
    design: ModuleDesign,
    views: Mapping[str, ModuleView],
    X_optical_module: Mapping[str, Matrix],
    shift: Matrix,
    settings: PortVisionSettings,
) -> StructureFit:
    """Return how the structure fits at a place, by the edges that tell it from the place a shift away.

    Args:
        design: The module.
        views: Images by camera.
        X_optical_module: The place, by camera, shape (4, 4).
        shift: To the other place, along the axes of the module, shape (3,), m.
        settings: Which edges count.
    """
    asked, missed = 0, 0.0
    for camera, view in views.items():
        X, K = X_optical_module[camera], view.frame.K
        rims, in_camera = project(design.edges.points, X, K)
        if not np.any(in_camera[:, 2] > 0.02):
            continue
        low, high = rims.min(axis=0) - _AROUND_PX, rims.max(axis=0) + _AROUND_PX
        seen = edges_in_sight(design.structure, design.boxes, view, X, _MOST_POINTS)
        seen = seen.of(seen.sure)
        if len(seen.points) == 0:
            continue
        pixels, normals, _ = edge_rows(seen.points, seen.along, np.ascontiguousarray(X), K)
        other, _ = project(seen.points + shift, X, K)
        tells = np.abs(np.einsum("ni,ni->n", other - pixels, normals)) > _TELLS_PX
        tells &= np.all((pixels > low) & (pixels < high), axis=1)
        cut = view.crop(pixels[tells], 8.0) if np.any(tells) else None
        if cut is None:
            continue
        image, x, y = cut
        strength = max(settings.min_strength, settings.strength_per_noise * noise_levels(image))
        smooth = np.asarray(cv2.GaussianBlur(image.astype(np.float32), (0, 0), _BLUR_PX), dtype=np.float32)
        found = find(smooth, float(x), float(y), pixels[tells], normals[tells], _RANGE_PX, strength)
        asked += int(tells.sum())
        missed += float(misfits(found[:, 0]).sum())
    return StructureFit(asked, 1.0 - missed / (MOST_MISFIT * max(asked, 1)))
