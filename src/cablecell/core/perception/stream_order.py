"""Are the streams of the cameras exchanged? Told by where each would put the board if it were another one's."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from cablecell.core.geometry import angle_between
from cablecell.core.perception.detection import Corners
from cablecell.core.perception.initial_pose import candidate_poses
from cablecell.core.perception.stream_errors import SwappedCamerasError

Matrix = NDArray[np.float64]

_PLACE_M, _TURN_RAD = 0.1, 0.3
"""How far the board may be from where it is expected: exchanged cameras turn it by 60 or 120 degrees."""
_BETTER = 4.0
"""By how much, for every exchanged stream, another order must fit better, in squares of these."""


def find_swapped(
    seen: Mapping[str, Corners], mounts: Mapping[str, Matrix], X_base_tcp: Matrix, X_base_board: Matrix
) -> SwappedCamerasError | None:
    """Return which streams are exchanged, or None where they are as they should be or nothing can be said.

    Every stream is given to every camera; its own pose of the board, seen with that camera's mount, is compared with
    where the board is expected. The order of streams that fits best is the true one if it fits clearly better.

    Args:
        seen: Corners by stream.
        mounts: X_tcp_optical by camera.
        X_base_tcp: Pose of the tool, shape (4, 4).
        X_base_board: Where the board is estimated or expected, shape (4, 4).
    """
    poses = {name: candidate_poses(corners) for name, corners in seen.items()}
    names = [name for name, candidates in poses.items() if candidates]
    if not names:
        return None
    cost = np.array(
        [[min(_distance(X_base_tcp @ mounts[m] @ X, X_base_board) for X in poses[s]) for m in mounts] for s in names]
    )
    cameras = list(mounts)
    own = [cameras.index(name) for name in names]
    best = min(
        permutations(range(len(cameras)), len(names)), key=lambda order: sum(cost[i, m] for i, m in enumerate(order))
    )
    moved = [i for i, m in enumerate(best) if m != own[i]]
    gain = sum(cost[i, own[i]] - cost[i, best[i]] for i in moved)
    if not moved or gain < _BETTER * len(moved):
        return None
    text = ", ".join(f"'{names[i]}' shows what '{cameras[best[i]]}' must see" for i in moved)
    return SwappedCamerasError(
        f"camera streams are exchanged: {text}",
        quantity="order",
        value=", ".join(cameras[m] for m in best),
        limit=", ".join(names),
        frame="task_board",
    )


def _distance(X_base_board: Matrix, X_expected: Matrix) -> float:
    place = float(np.linalg.norm(X_base_board[:3, 3] - X_expected[:3, 3])) / _PLACE_M
    turn = angle_between(X_expected[:3, :3], X_base_board[:3, :3]) / _TURN_RAD
    return place**2 + turn**2
