"""Joint positions as they are streamed to an arm: never faster, never more abrupt than the joints may go."""

from __future__ import annotations

import numpy as np

from cablecell.core.geometry import Array

_BRAKING = 0.9
"""Share of the acceleration limit that braking plans with; the rest absorbs the discrete step."""


class JointStream:
    """Turns wanted positions that may jump into positions with bounded speed and acceleration, joint by joint.

    A wanted position that moves within the limits is passed on as it is, without lag.

    Attributes:
        q: Newest position, shape (n,), rad.
        dq: Its rate, shape (n,), rad/s.
    """

    def __init__(self, lower: Array, upper: Array, velocity: Array, acceleration: Array, period_s: float) -> None:
        """Stream nothing until `reset`.

        Args:
            lower: Lowest positions, shape (n,), rad.
            upper: Highest positions, shape (n,), rad.
            velocity: Highest speeds, shape (n,), rad/s.
            acceleration: Highest accelerations, shape (n,), rad/s².
            period_s: Time between two positions, s.
        """
        self._lower, self._upper = lower, upper
        self._highest, self._velocity, self._acceleration = velocity, velocity, acceleration
        self._dt_s = period_s
        self.q: Array = np.zeros_like(lower)
        self.dq: Array = np.zeros_like(lower)
        self._wanted: Array = np.zeros_like(lower)
        self._rate: Array = np.zeros_like(lower)

    def reset(self, q: Array) -> None:
        """Go on from positions, at rest."""
        self.q, self.dq = q.copy(), np.zeros_like(q)
        self._wanted, self._rate = q.copy(), np.zeros_like(q)

    def scale_speed(self, scale: float) -> None:
        """Use a share of the highest speeds from now on."""
        self._velocity = scale * self._highest

    def step(self, wanted: Array) -> Array:
        """Move one period towards the wanted positions and return where the stream is now, shape (n,), rad."""
        dt = self._dt_s
        wanted = np.minimum(np.maximum(wanted, self._lower), self._upper)
        distance = wanted - self.q
        velocity, rate = distance / dt, (wanted - self._wanted) / dt
        step = self._acceleration * dt
        # What is wanted may be on the move: it is pursued with its own rate. A jump is no motion.
        is_moving = (np.abs(rate) <= self._velocity) & (np.abs(rate - self._rate) <= 2.0 * step)
        pursued = np.where(is_moving, rate, 0.0)
        is_far = (np.abs(velocity - self.dq) > step) | (np.abs(velocity - pursued) > step)
        if (is_far | (np.abs(velocity) > self._velocity)).any():
            # Speed from which one can still come to rest on it, exact for a discrete ramp.
            brake = _BRAKING * step
            closing = np.sqrt(2.0 * brake * np.abs(distance) / dt + 0.25 * brake * brake) - 0.5 * brake
            sign = np.sign(distance)
            behind = sign * np.minimum(np.maximum(np.abs(velocity) - sign * pursued, 0.0), closing)
            limited = np.clip(pursued + behind, -self._velocity, self._velocity)
            limited = self.dq + np.clip(limited - self.dq, -step, step)
            velocity = np.where(is_far | (np.abs(velocity) > self._velocity), limited, velocity)
        self._wanted, self._rate = wanted, rate
        self.dq = velocity
        self.q = np.minimum(np.maximum(self.q + velocity * dt, self._lower), self._upper)
        return self.q

    def brake(self) -> Array:
        """Want to come to rest from now on, and return where that will be, shape (n,), rad."""
        step = _BRAKING * self._acceleration * self._dt_s
        speed = np.abs(self.dq)
        distance = np.sign(self.dq) * (speed * speed / (2.0 * step) + 0.5 * speed) * self._dt_s
        rest: Array = np.minimum(np.maximum(self.q + distance, self._lower), self._upper)
        self._wanted, self._rate = rest, np.zeros_like(rest)
        return rest

    def slow_down(self) -> Array:
        """Brake for one period with all the acceleration there is and return where the stream is now."""
        step = self._acceleration * self._dt_s
        self.dq = np.sign(self.dq) * np.maximum(np.abs(self.dq) - step, 0.0)
        self.q = np.minimum(np.maximum(self.q + self.dq * self._dt_s, self._lower), self._upper)
        return self.q
