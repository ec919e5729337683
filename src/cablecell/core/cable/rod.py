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

from cablecell.core.cable.chain import CLIPPED, FREE, PLUGGED, Chain, make_work
from cablecell.core.cable.rod_balance import find_balance, follow, follow_floor, weigh
from cablecell.core.cable.rod_energy import twist
from cablecell.core.cable.rod_shape import first_shape
from cablecell.core.geometry.scalar import Vec3

Array = NDArray[np.float64]

TOLERANCE_N = 1.0e-8
"""Force that may be left on a node of a balance."""
SINK_M = 1.0e-4
"""How deep the rod's own weight presses it into the table."""
PRESLIDING_M = 1.0e-3
"""How far a piece of cable on the table gives way before it slides."""
_MOST, _SETTLING = 40, 200
_SETTLED_N = 1.0e-5
_PIECES = (1, 4, 16)
"""Into how many a motion of the near end is divided until it can be followed."""
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
            ValueError: The far end is held farther away than the rod is long, or held without saying where, or the rod
                finds no balance from its first shape.
        """
        if (far is None) != (hold is Hold.FREE):
            raise ValueError("the far end of a rod has a pose exactly when it is held")
        self.properties, self.surroundings, self.hold = rod, surroundings, hold
        n = segments
        cells = np.full(n + 1, rod.length_m / n)
        cells[[0, n]] *= 0.5
        weight = rod.mass_kg_per_m * surroundings.gravity_m_per_s2
        weights = weight * cells
        if hold is Hold.FREE:
            weights[n] += surroundings.end_mass_kg * surroundings.gravity_m_per_s2
        bearings = np.maximum(weights, _LIGHTEST_N_PER_M * cells) / SINK_M
        height = surroundings.table_height_m + rod.radius_m
        ends = np.zeros((4, 3))
        ends[0], ends[2] = near.direction, near.across
        if far is not None:
            ends[1], ends[3] = far.direction, far.across
        self._chain = Chain(
            hold=hold.value,
            ends=ends,
            lengths=np.full(n, rod.length_m / n),
            cells=cells,
            weights=weights,
            rod=np.array([rod.bending_stiffness_nm2, rod.axial_stiffness_n, rod.twisting_stiffness_nm2]),
            floor_m=height,
            bearings=bearings,
            holds=bearings * (surroundings.friction * SINK_M / PRESLIDING_M),
            anchors=np.zeros((n + 1, 2)),
            grips=np.zeros(n + 1),
            before=np.zeros((n + 1, 3)),
            drags=np.zeros(n + 1),
        )
        self._work = make_work(n)
        self._loads, self._strain = np.zeros((4, 3)), np.zeros(4)
        self.twist_rad = 0.0
        self.nodes: Array = first_shape(near, far, rod.length_m, n, height, heading_rad)
        self._settle()

    def update(self, near: RodEnd, dt_s: float) -> None:
        """Follow the near end to a new pose.

        Args:
            near: Where it is now.
            dt_s: Time since the last update, s.
        """
        chain = self._chain
        nodes, ends, twist_rad = self.nodes.copy(), chain.ends.copy(), self.twist_rad
        rate = self.properties.mass_kg_per_m * self.surroundings.drag_per_s / dt_s
        for pieces in _PIECES:
            self.nodes[:], chain.ends[:], self.twist_rad = nodes, ends, twist_rad
            for k in range(1, pieces + 1):
                part = near if k == pieces else _between(nodes[0], ends, near, k / pieces)
                self._follow(part, rate * pieces, foresees=pieces == 1)
            if self.residual_n < _SETTLED_N:
                break
        else:
            # A motion that nothing can follow: the pull stays what it was, and the next update goes on from here.
            return
        follow_floor(self.nodes, chain, self.surroundings.friction)
        self._weigh()

    def _follow(self, near: RodEnd, drag_n_per_m2: float, *, foresees: bool) -> None:
        """Put the near end to a new pose and the rod into balance."""
        self.iterations, self.residual_n, self.twist_rad = follow(
            self.nodes,
            self._chain,
            self.twist_rad,
            (near.position, near.direction, near.across),
            drag_n_per_m2,
            foresees,
            TOLERANCE_N,
            _MOST,
            self._work,
        )

    def _settle(self) -> None:
        """Let the rod sink from its first shape into balance, without friction and untwisted."""
        chain = self._chain
        turning = chain.rod[2]
        chain.rod[2] = 0.0
        spacing = chain.lengths[0]
        heavy = max(chain.weights[1] / spacing, _LIGHTEST_N_PER_M)
        drag = heavy / spacing + chain.rod[0] / spacing**2 / self.properties.length_m**2
        for _ in range(_SETTLING):
            chain.before[:] = self.nodes
            self._balance(drag)
            drag = max(0.5 * drag, 1.0e-9)
            if np.abs(self.nodes - chain.before).max() < 1.0e-9:
                break
        if not self.residual_n < _SETTLED_N:
            raise ValueError(f"this cable finds no balance: {self.residual_n} N are left on it")
        chain.rod[2] = turning
        if self.hold is Hold.PLUGGED:
            # What holds the far end took it untwisted.
            angle = twist(self.nodes, chain.ends, 0.0, self._work.slope)
            d, v = chain.ends[1], chain.ends[3].copy()
            chain.ends[3] = math.cos(angle) * v - math.sin(angle) * np.cross(d, v)
            self.twist_rad = 0.0
        follow_floor(self.nodes, chain, self.surroundings.friction)
        self._weigh()

    def _balance(self, drag_n_per_m2: float) -> None:
        chain = self._chain
        np.multiply(chain.cells, drag_n_per_m2, out=chain.drags)
        self.iterations, self.residual_n, self.twist_rad = find_balance(
            self.nodes, chain, self.twist_rad, TOLERANCE_N, _MOST, self._work
        )

    def _weigh(self) -> None:
        """Find out what the shape does to the ends and how it is strained."""
        weigh(self.nodes, self._chain, self.twist_rad, self._work, self._loads, self._strain)
        self.force, self.torque, self.far_force, self.far_torque = ((x, y, z) for x, y, z in self._loads.tolist())
        self.stiffness_n_per_m, self.stiffness_nm_per_rad, self.tension_n, self.radius_m = self._strain.tolist()


def _between(position: Array, ends: Array, near: RodEnd, share: float) -> RodEnd:
    """Return a near end on its way from where it was to a new pose."""
    direction = (1.0 - share) * ends[0] + share * np.array(near.direction)
    direction /= np.linalg.norm(direction)
    across = (1.0 - share) * ends[2] + share * np.array(near.across)
    across -= (across @ direction) * direction
    across /= np.linalg.norm(across)
    place = (1.0 - share) * position + share * np.array(near.position)
    return RodEnd(*((float(x), float(y), float(z)) for x, y, z in (place, direction, across)))
