"""The cable between the plug and wherever its other end is: a rod in balance with its weight, the table and its ends.

Quasi-static: at every step the rod takes the shape in which its bending, twist, weight and the table balance, except
for a drag that lets it follow slowly and gives it a memory. Newton's method starts from the last shape.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from cablecell.core.cable.rod_balance import end_loads, find_balance, follow_floor, near_stiffness, strain
from cablecell.core.cable.rod_energy import BAND, CLIPPED, FREE, PLUGGED, twist
from cablecell.core.cable.rod_shape import first_shape
from cablecell.core.geometry.scalar import Vec3

Array = NDArray[np.float64]

TOLERANCE_N = 1.0e-7
"""Force that may be left on a node of a balance."""
SINK_M = 1.0e-4
"""How deep the rod's own weight presses it into the table."""
PRESLIDING_M = 1.0e-3
"""How far a piece of cable on the table gives way before it slides."""
_MOST = 40
_LIGHTEST_N_PER_M = 0.02
"""Weight that the table is made for where the rod has none."""


class Hold(Enum):
    """What holds an end of the cable: nothing; position and direction; these and its turn about the cable."""

    FREE = FREE
    CLIPPED = CLIPPED
    PLUGGED = PLUGGED


@dataclass(frozen=True)
class RodProperties:
    """What the rod is made of.

    Attributes:
        length_m: Length.
        mass_kg_per_m: Mass per length.
        bending_stiffness_nm2: EI.
        axial_stiffness_n: EA.
        twisting_stiffness_nm2: GJ.
        radius_m: Half the diameter: how high the centre line is when it lies.
    """

    length_m: float
    mass_kg_per_m: float
    bending_stiffness_nm2: float
    axial_stiffness_n: float
    twisting_stiffness_nm2: float
    radius_m: float


@dataclass(frozen=True)
class RodSurroundings:
    """What acts on the rod beside its ends.

    Attributes:
        gravity_m_per_s2: Acceleration along -z.
        table_height_m: Height of what the rod can lie on.
        friction: Coefficient of friction there.
        drag_per_s: Drag per mass and speed, 1/s: how slowly the rod follows; 0 for balance at once.
        end_mass_kg: Mass at a free far end.
    """

    gravity_m_per_s2: float = 9.80665
    table_height_m: float = -math.inf
    friction: float = 0.0
    drag_per_s: float = 0.0
    end_mass_kg: float = 0.0


@dataclass(frozen=True)
class RodEnd:
    """One end of the rod.

    Attributes:
        position: Where it is, m.
        direction: Unit vector along the rod, from the near to the far end.
        across: Unit vector across it, which turns with what holds the end.
    """

    position: Vec3
    direction: Vec3
    across: Vec3


class Rod:
    """A rod with a held near end.

    Attributes:
        nodes: Centre line from the near to the far end, shape (n + 1, 3), m.
        force: What the rod does to what holds its near end, N.
        torque: Likewise about that end, N·m.
        far_force: What the rod does to what holds its far end, N; zero where nothing does.
        far_torque: Likewise about that end, N·m.
        twist_rad: Turn of the far end against the near end about the rod.
        stiffness_n_per_m: How stiffly it resists a motion of its near end, at most.
        stiffness_nm_per_rad: Likewise a turn.
        tension_n: Largest tension.
        radius_m: Smallest radius it is bent to.
        iterations: Newton steps of the last update.
        residual_n: Largest force left on a node.
    """

    def __init__(
        self,
        rod: RodProperties,
        surroundings: RodSurroundings,
        near: RodEnd,
        far: RodEnd | None = None,
        hold: Hold = Hold.FREE,
        segments: int = 40,
        heading_rad: float = 0.0,
    ) -> None:
        """Lay the rod out and let it settle, untwisted.

        Args:
            rod: What it is made of.
            surroundings: What acts on it.
            near: Its near end.
            far: Its far end where that is held.
            hold: What holds the far end.
            segments: Number of edges.
            heading_rad: Where a free end lies: direction from the near end, about z.

        Raises:
            ValueError: The far end is held farther away than the rod is long, or held without saying where.
        """
        if (far is None) != (hold is Hold.FREE):
            raise ValueError("the far end of a rod has a pose exactly when it is held")
        self.properties, self.surroundings, self.hold = rod, surroundings, hold
        n = segments
        self._lengths = np.full(n, rod.length_m / n)
        self._cells = np.full(n + 1, rod.length_m / n)
        self._cells[[0, n]] *= 0.5
        weight = rod.mass_kg_per_m * surroundings.gravity_m_per_s2
        self._weights = weight * self._cells
        if hold is Hold.FREE:
            self._weights[n] += surroundings.end_mass_kg * surroundings.gravity_m_per_s2
        self._rod = np.array([rod.bending_stiffness_nm2, rod.axial_stiffness_n, rod.twisting_stiffness_nm2])
        heavy = max(weight, _LIGHTEST_N_PER_M)
        self._floor = np.array(
            [surroundings.table_height_m + rod.radius_m, heavy / SINK_M, heavy * surroundings.friction / PRESLIDING_M]
        )
        self._anchors, self._grips = np.zeros((n + 1, 2)), np.zeros(n + 1)
        self._gradient, self._slope = np.zeros(3 * n + 3), np.zeros(3 * n + 3)
        self._band, self._factor = np.zeros((3 * n + 3, BAND)), np.zeros((3 * n + 3, BAND))
        self._edges = np.zeros((n + 2, 7, 3))
        self._ends, self._loads, self._strain = np.zeros((4, 3)), np.zeros((4, 3)), np.zeros(4)
        self._ends[0], self._ends[2] = near.direction, near.across
        if far is not None:
            self._ends[1], self._ends[3] = far.direction, far.across
        self.twist_rad = 0.0
        self.nodes: Array = first_shape(near, far, rod.length_m, n, self._floor[0], heading_rad)
        self._settle()

    def update(self, near: RodEnd, dt_s: float) -> None:
        """Follow the near end to a new pose.

        Args:
            near: Where it is now.
            dt_s: Time since the last update, s.
        """
        rate = self.properties.mass_kg_per_m * self.surroundings.drag_per_s
        self._ends[0], self._ends[2] = near.direction, near.across
        self.nodes[0] = near.position
        self._balance(self._cells * (rate / dt_s))
        self._follow_floor()
        self._weigh()

    def state(self) -> list[float]:
        """Return everything that decides how the rod goes on, as a list of fixed length."""
        parts = self._parts()
        return [self.twist_rad, *(float(v) for part in parts for v in part.ravel())]

    def restore(self, state: list[float]) -> None:
        """Go on from a state of a rod that was made likewise.

        Raises:
            ValueError: The list has the wrong length.
        """
        parts = self._parts()
        size = 1 + sum(part.size for part in parts)
        if len(state) != size:
            raise ValueError(f"the state of this rod has {size} numbers, not {len(state)}")
        self.twist_rad, at = state[0], 1
        for part in parts:
            part.flat = state[at : at + part.size]
            at += part.size
        self._tell()

    def _parts(self) -> tuple[Array, ...]:
        return self.nodes, self._ends, self._anchors, self._grips, self._loads, self._strain

    def _settle(self) -> None:
        """Let the rod sink from its first shape into balance, without friction and untwisted."""
        grips, self._grips = self._grips, np.zeros_like(self._grips)
        spacing, turns = self._lengths[0], self._rod[2]
        self._rod[2] = 0.0
        heavy = max(self._weights[1] / spacing, _LIGHTEST_N_PER_M)
        drag = heavy / spacing + self._rod[0] / spacing**2 / self.properties.length_m**2
        for _ in range(200):
            before = self.nodes.copy()
            self._balance(self._cells * drag)
            drag = max(0.5 * drag, 1.0e-9)
            if np.abs(self.nodes - before).max() < 1.0e-9:
                break
        self._rod[2], self._grips = turns, grips
        if self.hold is Hold.PLUGGED:
            # What holds the far end took it untwisted.
            angle = twist(self.nodes, self._ends, 0.0, self._slope)
            d, v = self._ends[1], self._ends[3].copy()
            self._ends[3] = math.cos(angle) * v - math.sin(angle) * np.cross(d, v)
            self.twist_rad = 0.0
        self._follow_floor()
        self._weigh()

    def _balance(self, drags: Array) -> None:
        self.iterations, self.residual_n, self.twist_rad = find_balance(
            self.nodes,
            self.nodes.copy(),
            self._ends,
            self.hold.value,
            self.twist_rad,
            self._lengths,
            self._cells,
            self._weights,
            self._rod,
            self._floor,
            self._anchors,
            self._grips,
            drags,
            TOLERANCE_N,
            _MOST,
            self._gradient,
            self._band,
            self._factor,
            self._slope,
            self._edges,
        )

    def _follow_floor(self) -> None:
        follow_floor(
            self.nodes, self._cells, self._floor, self.surroundings.friction, self._anchors, self._grips
        )

    def _weigh(self) -> None:
        """Find out what the shape does to the ends and how it is strained."""
        hold, where = self.hold.value, (self._lengths, self._cells)
        self._loads[:] = end_loads(
            self.nodes, self._ends, hold, self.twist_rad, *where, self._rod, self._weights, self._gradient
        )
        self._strain[:2] = near_stiffness(self.nodes, self._ends, hold, *where, self._rod, self._band, self._factor)
        self._strain[2:] = strain(self.nodes, self._ends, hold, *where, self._rod)
        self._tell()

    def _tell(self) -> None:
        self.force, self.torque, self.far_force, self.far_torque = (tuple(row) for row in self._loads.tolist())
        self.stiffness_n_per_m, self.stiffness_nm_per_rad, self.tension_n, self.radius_m = self._strain.tolist()
