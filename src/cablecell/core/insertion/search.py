"""Spiral search path: constant pitch, bounded speed and acceleration, each tour finer than the one before."""

from __future__ import annotations

import math


class SpiralSearch:
    """Archimedean spiral from the centre to an end radius, then again with a smaller pitch.

    Each tour has a smaller pitch and may have a larger radius. A tour that ends jumps back to the centre along the
    radius, still in contact, so that this line is scanned too.
    """

    def __init__(
        self,
        *,
        pitch_m: float,
        radius_m: float,
        speed: float,
        acceleration: float,
        tours: int,
        pitch_factor: float,
        radius_factor: float = 1.0,
    ) -> None:
        self._pitch_m = pitch_m
        self._radius_m = radius_m
        self._speed = speed
        self._acceleration = acceleration
        self._tours = tours
        self._pitch_factor = pitch_factor
        self._radius_factor = radius_factor
        self._angle = 0.0
        self._returning_m = 0.0
        self._phase = 0.0
        self.tour = 1

    @property
    def radius_m(self) -> float:
        """Present distance from the centre, m."""
        if self._returning_m > 0.0:
            return self._returning_m
        return self._pitch_m * self._angle / (2.0 * math.pi)

    @property
    def is_exhausted(self) -> bool:
        """True when the last tour has reached its end."""
        return self.tour > self._tours

    @property
    def position(self) -> tuple[float, float]:
        """Present target x, y, m."""
        return self._point()

    def step(self, dt_s: float) -> tuple[float, float, float, float]:
        """Advance and return target x, y, m, and its velocity, m/s."""
        if self.is_exhausted:
            x, y = self._point()
            return x, y, 0.0, 0.0
        x0, y0 = self._point()
        if self._returning_m > 0.0:
            self._returning_m = max(0.0, self._returning_m - self._speed * dt_s)
            if self._returning_m == 0.0:
                self._start_next_tour()
        else:
            b = self._pitch_m / (2.0 * math.pi)
            r = b * self._angle
            # Curvature of the spiral: (r² + 2 b²) / (r² + b²)^1.5; the centripetal acceleration bounds the speed.
            square = r * r + b * b
            curvature = (square + b * b) / (square * math.sqrt(square))
            speed = min(self._speed, math.sqrt(self._acceleration / curvature))
            self._angle += speed * dt_s / math.sqrt(square)
            if self.radius_m >= self._radius_m:
                self._returning_m = self.radius_m
        x, y = self._point()
        return x, y, (x - x0) / dt_s, (y - y0) / dt_s

    def _start_next_tour(self) -> None:
        self.tour += 1
        # Turned by a radian, so that the finer tour does not retrace the first turns.
        self._phase += self._angle + 1.0
        self._angle = 0.0
        self._pitch_m *= self._pitch_factor
        self._radius_m *= self._radius_factor

    def _point(self) -> tuple[float, float]:
        r, angle = self.radius_m, self._angle + self._phase
        return r * math.cos(angle), r * math.sin(angle)
