"""What a plug looks like: boxes, and the round pin that goes into a bore."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.connector import Connector

Matrix = NDArray[np.float64]

_SIGNS = np.array([[i, j, k] for i in (-1.0, 1.0) for j in (-1.0, 1.0) for k in (-1.0, 1.0)])


@dataclass(frozen=True)
class BodyBox:
    """One box of a body, along the body's axes.

    Attributes:
        centre: Centre, shape (3,), m.
        size: Full lengths, shape (3,), m.
        shows_edges: Whether its edges are looked for, or it only hides others.
    """

    centre: Matrix
    size: Matrix
    shows_edges: bool = True

    @property
    def corners(self) -> Matrix:
        """Its corners, shape (8, 3), m."""
        return np.asarray(self.centre + 0.5 * self.size * _SIGNS)


@dataclass(frozen=True)
class BodyPin:
    """A round pin on the axis of the tip, from there backwards.

    Attributes:
        radius_m: Radius.
        length_m: Length.
    """

    radius_m: float
    length_m: float

    @property
    def corners(self) -> Matrix:
        """Corners of the box around it, shape (8, 3), m."""
        half = np.array([self.radius_m, self.radius_m, 0.5 * self.length_m])
        return np.asarray(half * _SIGNS - [0.0, 0.0, half[2]])


@dataclass(frozen=True)
class PlugBody:
    """The shape of a plug along the axes of its tip.

    Attributes:
        boxes: Its boxes.
        pin: Its pin; None for a plug without.
    """

    boxes: tuple[BodyBox, ...]
    pin: BodyPin | None = None

    @property
    def corners(self) -> Matrix:
        """Corners of all its parts, shape (n, 3), m."""
        parts = [box.corners for box in self.boxes]
        return np.vstack(parts if self.pin is None else [*parts, self.pin.corners])


def plug_body(connector: Connector) -> PlugBody:
    """Return the shape of a connector's plug.

    Of a plug with a pin only the pin is looked for: what else there is, is inside of it or, a handle, mostly in the
    hand.
    """
    fit, length_m = connector.round_fit, connector.pin_length_m
    pin = None if fit is None or length_m is None else BodyPin(fit.pin_radius_m, length_m)
    boxes = [
        BodyBox(np.array(part.centre_m), np.array(part.size_m), shows_edges=pin is None)
        for part in connector.plug.parts
    ]
    return PlugBody(tuple(boxes), pin)
