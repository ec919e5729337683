"""A plug on a spring above a hole, without a robot: the scene that closed forms of insertion describe.

The plug is 8 × 4 × 30 mm; the hole has a 45° lead-in. The support is a spring at a point above the tip, moved down at a
constant speed without gravity. It uses the same walls, plug and spring as the cell, so what is proved here holds there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pybullet as p
from numpy.typing import NDArray

from cablecell.core.config.connector import Connector, parse_connector
from cablecell.core.config.simulation import GraspSettings, PhysicsSettings
from cablecell.core.geometry.scalar import Vec3, quat_from_rotvec
from cablecell.simulation.bodies import add_plug, add_port, open_client
from cablecell.simulation.grasp import GraspSpring
from cablecell.simulation.rigid import IDENTITY, NO_ROTATION, Pose

LENGTH_M, HALF_HEIGHT_M, OUTER_M, MASS_KG, INERTIA_KG_M2 = 30.0e-3, 2.0e-3, 20.0e-3, 0.3, 5.0e-5
ROW_EVERY_STEPS = 4
_GROUPS = ("clearance", "friction", "plug", "port", "forces", "grasp", "cable")


@dataclass(frozen=True)
class RigSetup:
    """One arrangement of plug, support and hole.

    Attributes:
        clearance_m: Clearance per side.
        offset_m: Lateral offset of the support from the hole's axis.
        tilt_rad: Tilt of the support about y.
        friction: Friction coefficient.
        edge_radius_m: Radius of the plug's edges.
        half_width_m: Half the plug's width along x.
        lead_in_m: Height of the lead-in.
        hole_m: Depth of the hole below the lead-in.
        support_m: Height of the support above the tip.
        stiffness_n_per_m: Of the support.
        stiffness_nm_per_rad: Of the support.
        start_m: Depth of the tip at the start; negative above the rim.
    """

    clearance_m: float = 5.0e-5
    offset_m: float = 0.3e-3
    tilt_rad: float = 0.0
    friction: float = 0.2
    edge_radius_m: float = 2.0e-5
    half_width_m: float = 4.0e-3
    lead_in_m: float = 1.5e-3
    hole_m: float = 14.0e-3
    support_m: float = 30.0e-3
    stiffness_n_per_m: float = 20.0e3
    stiffness_nm_per_rad: float = 30.0
    start_m: float = -1.0e-3


@dataclass(frozen=True)
class RigRows:
    """What was measured while the support moved, one entry per 2 ms.

    Attributes:
        depth_m: Depth of the tip, on the plug's axis.
        lateral_n: Force of the hole on the plug along x.
        axial_n: Force of the hole against the insertion, positive when it resists.
    """

    depth_m: NDArray[np.float64]
    lateral_n: NDArray[np.float64]
    axial_n: NDArray[np.float64]


class ContactRig:
    """The plug, its support and the hole; call `close` when done.

    Attributes:
        client: PyBullet client.
        plug: Body of the plug.
        port: Bodies of the hole, the floor last.
    """

    def __init__(self, setup: RigSetup, physics: PhysicsSettings | None = None) -> None:
        self.setup = setup
        physics = physics or PhysicsSettings()
        self._dt_s = 1.0 / physics.rate_hz
        self.client = open_client(physics.model_copy(update={"gravity_m_per_s2": 0.0}))
        data = _connector(setup)
        self.port = add_port(self.client, data, IDENTITY)
        self._q = quat_from_rotvec((0.0, setup.tilt_rad, 0.0))
        self._support: Vec3 = (setup.offset_m, 0.0, setup.start_m - setup.support_m)
        self.plug = add_plug(self.client, data, Pose(self._support, self._q))
        grasp = GraspSettings(
            stiffness_n_per_m=setup.stiffness_n_per_m,
            stiffness_nm_per_rad=setup.stiffness_nm_per_rad,
            damping_ratio=0.5,
            slip_n=500.0,
            slip_nm=20.0,
            error_m=0.0,
            error_rad=0.0,
        )
        self._spring = GraspSpring(grasp, MASS_KG, INERTIA_KG_M2, IDENTITY)

    def close(self) -> None:
        """Free the client."""
        p.disconnect(physicsClientId=self.client)

    def lower(self, speed_m_per_s: float, seconds: float) -> RigRows:
        """Move the support down at a constant speed and return what was measured.

        Args:
            speed_m_per_s: Speed, m/s; 0 to wait.
            seconds: For how long, s.
        """
        depth, lateral, axial = [], [], []
        still: Vec3 = (0.0, 0.0, 0.0)
        for i in range(round(seconds / self._dt_s)):
            x, y, z = self._support
            self._support = (x, y, z + speed_m_per_s * self._dt_s)
            com, q = p.getBasePositionAndOrientation(self.plug, physicsClientId=self.client)
            v, w = p.getBaseVelocity(self.plug, physicsClientId=self.client)
            moving: Vec3 = (0.0, 0.0, speed_m_per_s)
            force, torque, _ = self._spring.update(self._support, self._q, moving, still, com, q, v, w)
            p.applyExternalForce(self.plug, -1, force, com, p.WORLD_FRAME, physicsClientId=self.client)
            p.applyExternalTorque(self.plug, -1, torque, p.WORLD_FRAME, physicsClientId=self.client)
            p.stepSimulation(physicsClientId=self.client)
            if i % ROW_EVERY_STEPS == 0:
                tip = Pose(com, q) @ Pose((0.0, 0.0, self.setup.support_m), NO_ROTATION)
                depth.append(tip.p[2])
                # In slow motion the hole's force is what the spring balances.
                lateral.append(-force[0])
                axial.append(force[2])
        return RigRows(np.array(depth), np.array(lateral), np.array(axial))

    def deepest_penetration_m(self) -> float:
        """Return the largest overlap of plug and hole, m; negative when apart."""
        gaps = [
            float(point[8])
            for body in self.port
            for point in p.getContactPoints(bodyA=self.plug, bodyB=body, physicsClientId=self.client)
        ]
        return -min(gaps, default=np.inf)


def _connector(setup: RigSetup) -> Connector:
    a, b, t = setup.half_width_m + setup.clearance_m, HALF_HEIGHT_M + setup.clearance_m, OUTER_M
    stop = setup.lead_in_m + setup.hole_m

    def wall(name: str, x: list[float], y: list[float], side: str) -> dict[str, object]:
        return {"name": name, "x_m": x, "y_m": y, "lead_in": [{"side": side, "height_m": setup.lead_in_m}]}

    return parse_connector(
        {
            "name": "rig",
            "sources": dict.fromkeys(_GROUPS, "set-up of the contact rig"),
            "clearance": {"x_m": setup.clearance_m, "y_m": setup.clearance_m},
            "friction": setup.friction,
            "plug": {
                "mass_kg": MASS_KG,
                "com_m": [0.0, 0.0, -setup.support_m],
                "inertia_kg_m2": [INERTIA_KG_M2] * 3,
                "edge_radius_m": setup.edge_radius_m,
                "cable_exit_m": [0.0, 0.0, -LENGTH_M],
                "parts": [
                    {
                        "name": "body",
                        "centre_m": [0.0, 0.0, -LENGTH_M / 2.0],
                        "size_m": [2.0 * setup.half_width_m, 2.0 * HALF_HEIGHT_M, LENGTH_M],
                        "mates": True,
                    }
                ],
            },
            "port": {
                "rim_depth_m": 0.0,
                "wall_end_m": stop + 4.0e-3,
                "stop_depth_m": stop,
                "seat_tolerance_m": 1.0e-4,
                "walls": [
                    wall("plus_x", [a, t], [-t, t], "-x"),
                    wall("minus_x", [-t, -a], [-t, t], "+x"),
                    wall("plus_y", [-t, t], [b, t], "-y"),
                    wall("minus_y", [-t, t], [-t, -b], "+y"),
                ],
                "floor_x_m": [-a, a],
                "floor_y_m": [-b, b],
            },
            "grasp": {
                "width_m": 2.0 * setup.half_width_m,
                "cable_frame": {"position_m": [0.0, 0.0, 0.0], "quat_xyzw": [0.0, 0.0, 0.0, 1.0]},
                "surfaces": [
                    {
                        "name": "top",
                        "axis": "x",
                        "centre_m": [0.0, 0.0, -0.9 * LENGTH_M],
                        "width_m": 2.0 * setup.half_width_m,
                        "size_m": [HALF_HEIGHT_M, 0.1 * LENGTH_M],
                    }
                ],
            },
            "forces": {"insertion_max_n": 300.0, "lateral_max_n": 300.0, "damage_n": 1000.0},
            "cable": {
                "length_m": 1.0,
                "mass_kg_per_m": 0.01,
                "bending_stiffness_nm2": 1.0e-4,
                "diameter_m": 2.0e-3,
                "min_bend_radius_m": 0.02,
            },
        },
        "contact rig",
    )
