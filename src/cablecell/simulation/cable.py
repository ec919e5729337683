"""Pull of the cable on the plug: weight of the hanging part and bending, slowly varying.

Quasi-static: behind the boot the cable turns over and hangs down to the table, where the rest lies. The hanging length
is the height of the boot above the table; its weight pulls down, at a distance from the boot that follows from the
balance of bending and weight, a·(EI/w)^(1/3), so it also twists the plug. A sideways pull of a clamped beam keeps the
hanging part over the place where it lies; friction lets that place follow when it is left behind.
"""

from __future__ import annotations

import math

from cablecell.core.config.connector import CableProperties
from cablecell.core.geometry.scalar import Vec3, add, cross, scale, subtract

_BEND_OVER = 1.2
"""Distance of the hanging part from the boot, in units of (EI/w)^(1/3), for a cable that leaves upwards."""


class CablePull:
    """Force and torque of a cable on the plug's boot.

    Attributes:
        force: Newest force on the plug, in `world`, N.
        torque: Newest torque about the boot, in `world`, N·m.
        anchor: Where the cable reaches the table, m.
    """

    def __init__(
        self,
        cable: CableProperties,
        table_height_m: float,
        gravity: float,
        time_constant_s: float,
        boot: Vec3,
        away: Vec3,
    ) -> None:
        self._cable = cable
        self._table = table_height_m
        self._weight_per_m = cable.mass_kg_per_m * gravity
        self._time_constant = time_constant_s
        self._offset = _BEND_OVER * (cable.bending_stiffness_nm2 / max(self._weight_per_m, 1e-6)) ** (1 / 3)
        length = math.hypot(away[0], away[1]) or 1.0
        self._away: Vec3 = (away[0] / length, away[1] / length, 0.0)
        self.anchor: Vec3 = self._hanging_point(boot)
        self.force, self.torque = self._target(boot)

    def update(self, boot: Vec3, dt_s: float) -> None:
        """Move force and torque towards the balance at a new position of the boot.

        Args:
            boot: Where the cable leaves the plug, in `world`, m.
            dt_s: Time since the last update, s.
        """
        hanging = self._hanging_point(boot)
        slack = max(0.05, self._cable.length_m - self._height(boot))
        left_behind = subtract(self.anchor, hanging)
        distance = math.hypot(left_behind[0], left_behind[1])
        if distance > slack:
            self.anchor = add(hanging, scale(left_behind, slack / distance))
        share = 1.0 - math.exp(-dt_s / self._time_constant)
        force, torque = self._target(boot)
        self.force = add(self.force, scale(subtract(force, self.force), share))
        self.torque = add(self.torque, scale(subtract(torque, self.torque), share))

    def centre_line(self, boot: Vec3, points: int = 12) -> list[Vec3]:
        """Return points from the boot over the bend down to the table, m, for drawing."""
        top = add(boot, (0.0, 0.0, 0.6 * self._offset))
        foot = self.anchor
        line = []
        for i in range(points):
            s = i / (points - 1)
            middle = add(scale(boot, (1 - s) ** 2), scale(top, 2 * s * (1 - s)))
            line.append(add(middle, scale((foot[0], foot[1], self._table), s * s)))
        return line

    def _height(self, boot: Vec3) -> float:
        return min(max(0.0, boot[2] - self._table), self._cable.length_m)

    def _hanging_point(self, boot: Vec3) -> Vec3:
        x, y, _ = add(boot, scale(self._away, self._offset))
        return (x, y, self._table)

    def _target(self, boot: Vec3) -> tuple[Vec3, Vec3]:
        height = self._height(boot)
        weight = self._weight_per_m * (height + self._offset)
        side = subtract(self.anchor, self._hanging_point(boot))
        free = max(0.1, height + self._offset)
        stiffness = 3.0 * self._cable.bending_stiffness_nm2 / free**3 + 0.5 * self._weight_per_m
        force: Vec3 = (stiffness * side[0], stiffness * side[1], -weight)
        return force, cross(scale(self._away, self._offset), force)
