"""The cable behind a plug: an elastic rod whose near end moves with the plug's boot.

It is found anew at its own rate and slowly follows the plug. Between two updates its pull is constant, which alone
would feed energy into the plug; a damper as strong as its stiffness times that time takes out more than that.
"""

from __future__ import annotations

import math

import numpy as np

from cablecell.core.cable.condition import CableCondition, CableLimits, judge_cable
from cablecell.core.cable.rod import Hold, Rod, RodEnd, RodProperties, RodSurroundings
from cablecell.core.config.connector import CableProperties
from cablecell.core.config.simulation import CableSettings, FarEnd
from cablecell.core.geometry.scalar import Quat, Vec3, dot, norm, rotate, scale, subtract
from cablecell.simulation.errors import TrialSceneError

AXIAL_STIFFNESS_N = 2000.0
"""EA of every cable: 0.05 % of stretch at 1 N, which nothing here can see, and soft enough for a plug to be held by."""
TWIST_PER_BEND = 0.75
"""GJ of a round cable per EI: 1 / (1 + Poisson's ratio)."""
TAUT_REACH = 0.99
"""Distance of the ends, in lengths of the cable, from which it counts as taut."""


class Cable:
    """The pull of one cable on its plug.

    Attributes:
        rod: Shape and loads.
        force: Force on the plug at its boot, in `world`, N, without damping.
        torque: Torque about the boot, in `world`, N·m, without damping.
        damping_n_s_per_m: Damper of the boot's motion.
        damping_nm_s_per_rad: Damper of its turning.
    """

    def __init__(
        self,
        cable: CableProperties,
        settings: CableSettings,
        table_height_m: float,
        gravity_m_per_s2: float,
        boot: Vec3,
        q_plug: Quat,
    ) -> None:
        """Lay the cable out from a plug to its far end.

        Args:
            cable: What the cable is made of.
            settings: Where its other end is, and how it is computed.
            table_height_m: What it lies on.
            gravity_m_per_s2: Acceleration along -z.
            boot: Where it leaves the plug, in `world`, m.
            q_plug: Orientation of the plug; the cable leaves along its -z.

        Raises:
            TrialSceneError: The far end is held farther away than the cable is long, or the cable finds no balance
                (code 853).
        """
        end = settings.far_end
        far = None if end.kind == "free" else _held_end(end)
        if far is not None and math.dist(boot, far.position) >= TAUT_REACH * cable.length_m:
            raise TrialSceneError(
                f"far_end.position_m = {list(far.position)} m in world is {math.dist(boot, far.position):.3f} m from "
                f"the plug; a cable of {cable.length_m} m must reach it with slack",
                quantity="far_end.position_m",
                value=list(far.position),
                limit=TAUT_REACH * cable.length_m,
                unit="m",
                frame="world",
            )
        # A free cable that hangs straight is not taut.
        reach = math.inf if far is None else TAUT_REACH
        self._limits = CableLimits(cable.min_bend_radius_m, settings.pull_limit_n, reach, end.hold_n)
        self._period_s = 1.0 / settings.rate_hz
        self._length_m = cable.length_m
        try:
            self.rod = Rod(
                RodProperties(
                    length_m=cable.length_m,
                    mass_kg_per_m=cable.mass_kg_per_m,
                    bending_stiffness_nm2=cable.bending_stiffness_nm2,
                    axial_stiffness_n=AXIAL_STIFFNESS_N,
                    twisting_stiffness_nm2=TWIST_PER_BEND * cable.bending_stiffness_nm2,
                    radius_m=0.5 * cable.diameter_m,
                ),
                RodSurroundings(
                    gravity_m_per_s2=gravity_m_per_s2,
                    table_height_m=table_height_m,
                    friction=settings.table_friction,
                    drag_per_s=settings.drag_per_s,
                    end_mass_kg=end.mass_kg,
                ),
                near=_boot_end(boot, q_plug),
                far=far,
                hold=Hold[end.kind.upper()],
                segments=settings.segments,
                heading_rad=end.heading_rad,
            )
        except ValueError as error:
            raise TrialSceneError(str(error), quantity="simulation.cable") from error
        self._take_loads()

    def update(self, boot: Vec3, q_plug: Quat) -> None:
        """Let the cable follow the plug for one period of its rate.

        Args:
            boot: Where the cable leaves the plug, in `world`, m.
            q_plug: Orientation of the plug.
        """
        self.rod.update(_boot_end(boot, q_plug), self._period_s)
        self._take_loads()

    def condition(self) -> CableCondition:
        """Return how the cable is, for evaluation."""
        rod = self.rod
        reach = math.dist(rod.nodes[0], rod.nodes[-1]) / self._length_m
        return judge_cable(rod.radius_m, rod.tension_n, reach, norm(rod.far_force), self._limits)

    def centre_line(self, points: int) -> tuple[Vec3, ...]:
        """Return points of the centre line at equal distances, from the plug to the far end, in `world`, m."""
        nodes = self.rod.nodes
        if points == len(nodes):
            return tuple([(x, y, z) for x, y, z in nodes.tolist()])
        at = np.linspace(0.0, len(nodes) - 1.0, points)
        line = np.stack([np.interp(at, np.arange(len(nodes)), nodes[:, i]) for i in range(3)], axis=1)
        return tuple((x, y, z) for x, y, z in line.tolist())

    def _take_loads(self) -> None:
        rod = self.rod
        self.force, self.torque = rod.force, rod.torque
        self.damping_n_s_per_m = rod.stiffness_n_per_m * self._period_s
        self.damping_nm_s_per_rad = rod.stiffness_nm_per_rad * self._period_s


def _boot_end(boot: Vec3, q_plug: Quat) -> RodEnd:
    return RodEnd(boot, rotate(q_plug, (0.0, 0.0, -1.0)), rotate(q_plug, (1.0, 0.0, 0.0)))


def _held_end(end: FarEnd) -> RodEnd:
    assert end.direction is not None
    assert end.position_m is not None
    x, y, z = end.direction
    length = norm((x, y, z))
    # The rod runs into what holds it, against the direction in which the cable leaves that.
    direction = scale((x, y, z), -1.0 / length)
    axis = min(((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)), key=lambda a: abs(dot(a, direction)))
    across = subtract(axis, scale(direction, dot(axis, direction)))
    position = end.position_m
    return RodEnd((position[0], position[1], position[2]), direction, scale(across, 1.0 / norm(across)))
