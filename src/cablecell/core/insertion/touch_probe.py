"""What of a plug feels for the opening: the corner of a flat front, or a nose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cablecell.core.config.touch import TouchSettings
from cablecell.core.fusion.touch import kernels
from cablecell.core.fusion.touch.geometry import TouchGeometry
from cablecell.core.geometry import Array, exp_so3

_DIP_SHARE = 0.7
"""Share of the depth at which the front of a plug, its corner in that of the opening, meets the far sides."""

_NOSE_SHARE = 0.7


@dataclass(frozen=True)
class Probe:
    """The part of a plug that goes below the land first.

    Attributes:
        point: Of the plug, in the frame of its tip, shape (3,), m.
        rotvec: Turn of the plug at which that point leads, shape (3,), rad.
        depth_m: How deep below the land it feels for the walls, m.
        signs: Sides of the port that it is moved to, along x and y.
        room: How far the upright plug is from these sides at that depth when it is in the middle, shape (2,), m.
        length_m: By how much it leads the rest without a tilt, m; 0 for a corner.
    """

    point: Array
    rotvec: Array
    depth_m: float
    signs: tuple[int, int]
    room: Array
    length_m: float

    @property
    def is_nose(self) -> bool:
        """Whether it is a nose: it leads without a tilt."""
        return self.length_m > 0.0


def make_probe(geometry: TouchGeometry, settings: TouchSettings) -> Probe:
    """Return the probe of a connector."""
    signs = geometry.corner
    is_nose = geometry.nose_m > settings.dip_m
    if is_nose:
        depth = min(1.5e-3, _NOSE_SHARE * geometry.nose_m)
        point, rotvec = np.zeros(3), np.zeros(3)
        tip_depth = geometry.rim_m - geometry.nose_m + depth
    else:
        # Tilted so that the flat front comes near the land on both sides at once.
        wide = 0.5 * (geometry.front[[1, 3]] - geometry.front[[0, 2]]) + geometry.clearance
        share = 1.0 / wide[::-1]
        share /= np.linalg.norm(share)
        sx, sy = signs
        rotvec = settings.tilt_rad * np.array([sy * share[0], -sx * share[1], 0.0])
        front = geometry.front
        point = np.array([front[1 if sx > 0 else 0], front[3 if sy > 0 else 2], 0.0])
        depth = min(settings.dip_m, _DIP_SHARE * 2.0 * settings.tilt_rad * float(share[1] * wide[0]))
        tip_depth = geometry.rim_m + depth
    return Probe(point, rotvec, depth, signs, _room(geometry, signs, tip_depth), geometry.nose_m if is_nose else 0.0)


def _room(geometry: TouchGeometry, signs: tuple[int, int], depth_m: float) -> Array:
    rows = np.zeros((2, kernels.COLUMNS))
    for axis in (0, 1):
        pose = np.eye(4)
        pose[2, 3] = depth_m
        rows[axis, kernels.POSE : kernels.POSE + 12] = pose[:3].ravel()
        rows[axis, kernels.AXIS], rows[axis, kernels.SIGN] = axis, signs[axis]
    arrays = (geometry.boxes, geometry.vertices, geometry.normals, geometry.limits)
    return np.asarray(kernels.gaps(np.zeros((1, kernels.STATE)), rows, *arrays)[0])


def place_of(probe: Probe, at: Array, rotvec: Array) -> Array:
    """Return the tip of a plug whose probe is at a place, shape (3,), m."""
    return np.asarray(at - exp_so3(rotvec) @ probe.point)
