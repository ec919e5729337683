"""Oriented boxes: what ports and the modules that carry them are made of, as far as cameras are concerned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cablecell.core.geometry import transform_point

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Boxes:
    """Boxes in one common frame.

    Attributes:
        centre: Centres, shape (n, 3), m.
        rotation: Axes of the boxes as columns, shape (n, 3, 3).
        half: Half lengths, shape (n, 3), m.
    """

    centre: Matrix
    rotation: Matrix
    half: Matrix

    @staticmethod
    def none() -> Boxes:
        """Return no boxes."""
        return Boxes(np.zeros((0, 3)), np.zeros((0, 3, 3)), np.zeros((0, 3)))

    @staticmethod
    def of(sizes: Matrix, poses: Matrix) -> Boxes:
        """Return boxes of full lengths, shape (n, 3), m, centred on poses, shape (n, 4, 4)."""
        poses = np.asarray(poses, dtype=np.float64).reshape(-1, 4, 4)
        sizes = np.asarray(sizes, dtype=np.float64).reshape(-1, 3)
        return Boxes(poses[:, :3, 3].copy(), np.ascontiguousarray(poses[:, :3, :3]), 0.5 * sizes)

    def moved(self, X: Matrix) -> Boxes:
        """Return the same boxes in another frame: X takes points of theirs to that frame, shape (4, 4)."""
        return Boxes(transform_point(X, self.centre), np.ascontiguousarray(X[:3, :3] @ self.rotation), self.half)

    def __add__(self, other: Boxes) -> Boxes:
        return Boxes(
            np.vstack([self.centre, other.centre]),
            np.concatenate([self.rotation, other.rotation]),
            np.vstack([self.half, other.half]),
        )

    def __len__(self) -> int:
        return len(self.centre)
