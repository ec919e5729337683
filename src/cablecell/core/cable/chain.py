"""The discrete rod as arrays, which the compiled functions take."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FREE, CLIPPED, PLUGGED = 0, 1, 2
"""What holds the far end: nothing; position and direction; these and its turn about the cable."""
BAND = 9
"""Width of the stored band of second derivatives: a node meets two neighbours on either side."""


class Chain(NamedTuple):
    """A rod of n edges and what acts on it.

    Attributes:
        hold: What holds the far end.
        ends: Unit directions of the rod at the near and the far end, from the near to the far one, and unit vectors
            across it that turn with what holds it, shape (4, 3).
        lengths: Of the edges at rest, shape (n,), m.
        cells: Length of rod that belongs to each node, shape (n + 1,), m.
        weights: Of the nodes, shape (n + 1,), N.
        rod: Stiffnesses in bending, stretching and twisting: EI N·m², EA N, GJ N·m².
        floor_m: Height below which the floor pushes.
        bearings: Stiffness of the floor under each node, shape (n + 1,), N/m.
        holds: Stiffness of the grip of friction on each node, shape (n + 1,), N/m.
        anchors: Where friction holds each node, shape (n + 1, 2), m.
        grips: Force up to which it does, shape (n + 1,), N; 0 where a node does not lie on the floor.
        before: Nodes at the last step, which the drag pulls to, shape (n + 1, 3), m.
        drags: Resistance of each node to a change of its place in this step, shape (n + 1,), N/m.
    """

    hold: int
    ends: Array
    lengths: Array
    cells: Array
    weights: Array
    rod: Array
    floor_m: float
    bearings: Array
    holds: Array
    anchors: Array
    grips: Array
    before: Array
    drags: Array


class Work(NamedTuple):
    """Work space of the compiled functions; gradient, slope and band are left at the last balance.

    Attributes:
        gradient: Derivative of the energy with respect to all nodes, held ones too, shape (3 n + 3,), N.
        slope: Derivative of the angle of twist, shape (3 n + 3,), rad/m.
        band: Lower band of the energy's second derivative without twist, shape (3 n + 3, BAND), N/m.
        factor: Its Cholesky factor.
        edges: Derivatives with respect to the edges, one empty row before them and one after, shape (n + 2, 7, 3):
            rows 0 to 2 of each the second one, 3 to 5 that with the next edge, 6 the first one.
        answers: Motion of all nodes per motion, rows 0 to 2, and per turn, rows 3 to 5, of the near end, shape
            (6, 3 n + 3), left by the last `near_stiffness`.
    """

    gradient: Array
    slope: Array
    band: Array
    factor: Array
    edges: Array
    answers: Array


def make_work(edges: int) -> Work:
    """Return the work space for a number of edges."""
    rows = 3 * edges + 3
    return Work(
        gradient=np.zeros(rows),
        slope=np.zeros(rows),
        band=np.zeros((rows, BAND)),
        factor=np.zeros((rows, BAND)),
        edges=np.zeros((edges + 2, 7, 3)),
        answers=np.zeros((6, rows)),
    )
