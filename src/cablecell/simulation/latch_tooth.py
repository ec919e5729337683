"""A latch as a sprung tooth that a lip pushes aside and that snaps in behind it.

For connectors whose click matters in its course: force rises along the front ramp, drops when the crest has passed,
and the back ramp pulls the plug home. The tooth is a mass on a spring across the axis; it flies free when the lip falls
away faster than it follows. What the lip does across the axis is taken as balanced by a second tooth on the other side.
"""

from __future__ import annotations

import math

from cablecell.core.config.connector import ToothLatch

_FULL_FRICTION_M = 50.0e-6
"""Way after a reversal until friction acts fully the other way; shorter would be unstable at the physics rate."""


class LatchTooth:
    """State of one tooth.

    Attributes:
        is_engaged: True while the tooth is behind the lip.
        is_gripped: True while the gripper holds the plug; of no effect, a tooth has to be pressed.
        rise_m: How far the tooth is pushed aside.
    """

    def __init__(self, latch: ToothLatch, stop_depth_m: float, mass_kg: float, dt_s: float) -> None:
        """Prepare a tooth at rest.

        Args:
            latch: Its data.
            stop_depth_m: Depth of the plug's tip at the stop, where the closed tooth has just no play.
            mass_kg: Of the plug.
            dt_s: Physics step.
        """
        self._k, self._m, self._mass, self._dt = latch.stiffness_n_per_m, latch.mass_kg, mass_kg, dt_s
        self._damper = 2.0 * latch.damping_ratio * math.sqrt(self._k * self._m)
        self._height, self._friction = latch.deflection_m, latch.friction
        self._front, self._back = math.tan(latch.front_angle_rad), math.tan(latch.back_angle_rad)
        self._crest = stop_depth_m - latch.click_m
        self.rise_m, self._speed, self._rub = 0.0, 0.0, 0.0
        self.is_engaged = self.is_gripped = False

    def _lip(self, depth_m: float) -> tuple[float, float]:
        """Return how far the lip pushes the tooth at a depth of the tip, m, and how that changes with depth."""
        if depth_m < self._crest:
            height, slope = self._height - (self._crest - depth_m) * self._front, self._front
        else:
            height, slope = self._height - (depth_m - self._crest) * self._back, -self._back
        return (height, slope) if height > 0.0 else (0.0, 0.0)

    def force(self, depth_m: float, speed_m_per_s: float, push_n: float) -> float:
        """Return the force on the plug along the port's inward axis for the coming step, N, and do the step.

        Args:
            depth_m: Depth of the plug's tip below the entrance, m.
            speed_m_per_s: Its speed along the inward axis, m/s.
            push_n: Everything else that acts on the plug along that axis, N.
        """
        dt, k, m, damper = self._dt, self._k, self._m, self._damper
        self.is_engaged = depth_m >= self._crest
        free_speed = (m * self._speed - dt * k * self.rise_m) / (m + dt * damper + dt * dt * k)
        height, slope = self._lip(depth_m + dt * speed_m_per_s)
        if self.rise_m + dt * free_speed < height:
            # On the ramp tooth and plug move together: rise = height there, one step ahead.
            here = height - slope * dt * speed_m_per_s
            needed = (here - self.rise_m) / dt
            steady = m * (needed - self._speed) / dt + k * here + damper * needed
            per_speed = slope * (m / dt + k * dt + damper)
            rub = max(-1.0, min(1.0, (self._rub + dt * speed_m_per_s) / _FULL_FRICTION_M))
            grip = self._friction * rub
            wedge = (slope + grip) / (1.0 - slope * grip)
            plug_speed = (self._mass * speed_m_per_s + dt * (push_n - wedge * steady)) / (
                self._mass + dt * wedge * per_speed
            )
            across = steady + per_speed * plug_speed
            if across > 0.0:
                self._rub = rub * _FULL_FRICTION_M
                self._speed = needed + slope * plug_speed
                self.rise_m += dt * self._speed
                return -wedge * across
        self._rub = 0.0
        self._speed = free_speed
        self.rise_m += dt * free_speed
        if self.rise_m < 0.0:  # the tooth's own stop
            self.rise_m, self._speed = 0.0, 0.0
        return 0.0
