"""Is the board still where it was seen? Asked of every image during an approach, without changing the estimate.

Each image alone is compared with what the estimate and the arm's pose predict (the estimator's own gate). One image may
be bad and one camera may have been knocked; a board has moved when at least two cameras say so and none that looked as
lately agrees with the estimate, or when the only camera that sees it says so twice in a row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.estimator import EstimatorSettings
from cablecell.core.fusion.board_state import AROUND_BOARD_M, BoardState, Look
from cablecell.core.fusion.board_update import innovation
from cablecell.core.fusion.drift import BoardMovedError
from cablecell.core.perception.detection import Corners
from cablecell.ports import Region

Matrix = NDArray[np.float64]

LEAST_CORNERS = 3
"""Corners with which an image says anything about the board."""

_STAMP_S = 0.005
"""How wrongly image and pose may be put together in time (1 sigma); times the speed of the tool it is a place."""

_GROUP = 8
_MARKER = 1.6
"""Around corners as much of the image is needed as their own distance, to see the markers between them."""


@dataclass(frozen=True)
class _Verdict:
    stamp_s: float
    distance: float
    contradictions: int


class BoardGuard:
    """Judges one image after the other; a step object without a clock."""

    def __init__(self, settings: EstimatorSettings | None = None, *, memory_s: float = 0.6) -> None:
        """Believe the estimate.

        Args:
            settings: Sizes of errors, and the gate.
            memory_s: Images older than this against the newest do not count.
        """
        self._settings, self._memory_s = settings or EstimatorSettings(), memory_s
        self._verdicts: dict[str, _Verdict] = {}

    def look(
        self, stamp_s: float, X_base_tcp: Matrix, seen: Corners, camera: str, board: BoardState, speed_m_per_s: float
    ) -> BoardMovedError | None:
        """Judge an image; return an error when the board is no more where it is estimated.

        Args:
            stamp_s: Time of exposure, s.
            X_base_tcp: Pose of the tool then, shape (4, 4).
            seen: Corners in the image.
            camera: Which camera.
            board: The estimate at that time.
            speed_m_per_s: Of the tool then.
        """
        if len(seen.pixels) < LEAST_CORNERS:
            return None
        ours = self._settings
        sigma_m = math.hypot(
            ours.kinematics_sigma_m, ours.kinematics_m_per_m * AROUND_BOARD_M, speed_m_per_s * _STAMP_S
        )
        sigma_rad = math.hypot(ours.kinematics_sigma_rad, ours.kinematics_rad_per_m * AROUND_BOARD_M)
        settings = ours.model_copy(update={"kinematics_sigma_m": sigma_m, "kinematics_sigma_rad": sigma_rad})
        distance = innovation(board, Look(stamp_s, X_base_tcp, {camera: seen}), camera, settings)
        limit = settings.gate_chi2
        before = self._verdicts.get(camera)
        count = 0 if distance <= limit else 1 + (0 if before is None else before.contradictions)
        self._verdicts[camera] = _Verdict(stamp_s, distance, count)
        fresh = {name: v for name, v in self._verdicts.items() if stamp_s - v.stamp_s <= self._memory_s}
        against = [name for name, verdict in fresh.items() if verdict.contradictions]
        if len(against) < len(fresh) or not against:
            return None
        if len(against) < 2 and fresh[against[0]].contradictions < 2:
            return None
        least = min(fresh[name].distance for name in against)
        return BoardMovedError(
            f"the board is no more where it was seen: every image of {', '.join(against)} contradicts it, smallest "
            f"squared Mahalanobis distance {least:.1f}, limit {limit:.1f}",
            quantity="distance",
            value=least,
            limit=limit,
            frame="task_board",
        )


def guarding_region(visible: Corners, size: tuple[int, int]) -> Region | None:
    """Return the part of an image with a few corners that lie close together; None where too few are to be seen.

    Args:
        visible: Corners that should be seen, at their expected pixels.
        size: Width and height of the whole image.
    """
    best: tuple[float, Matrix] | None = None
    for group in np.unique(visible.groups):
        pixels = visible.pixels[visible.groups == group]
        if len(pixels) < LEAST_CORNERS:
            continue
        pitch = _pitch(pixels)
        for corner in pixels:
            near = pixels[np.argsort(np.linalg.norm(pixels - corner, axis=1))[:_GROUP]]
            low, high = near.min(axis=0) - _MARKER * pitch, near.max(axis=0) + _MARKER * pitch
            cost = float(np.prod(high - low)) / len(near)
            if best is None or cost < best[0]:
                best = cost, np.stack([low, high])
    if best is None:
        return None
    low = np.maximum(np.floor(best[1][0]), 0).astype(int)
    high = np.minimum(np.ceil(best[1][1]), np.array(size)).astype(int)
    return Region(int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1]))


def _pitch(pixels: Matrix) -> float:
    """Return the distance of neighbouring corners, px."""
    apart = np.linalg.norm(pixels[:, None] - pixels[None], axis=2) + np.diag([np.inf] * len(pixels))
    return float(np.median(apart.min(axis=1)))


def regions(visible: Mapping[str, Corners], size: tuple[int, int], cameras: Sequence[str]) -> dict[str, Region]:
    """Return what of each camera's image to ask for; cameras that see too few corners are absent."""
    found = {name: guarding_region(visible[name], size) for name in cameras if name in visible}
    return {name: region for name, region in found.items() if region is not None}
