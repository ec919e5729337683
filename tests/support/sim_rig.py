"""A plug on a spring above a hole, without a robot: the scene of the closed forms.

The plug is 8 × 4 × 30 mm in a hole with a 45° lead-in; its support is a spring at a point above the
tip that moves down at a constant speed. Gravity is off.
"""

from __future__ import annotations

import numpy as np
import pybullet as p

from cablecell.core.config.connector import parse_connector
from cablecell.core.config.simulation import GraspSettings, PhysicsSettings
from cablecell.core.geometry.scalar import quat_from_rotvec
from cablecell.simulation.bodies import add_plug, add_port, open_client
from cablecell.simulation.grasp import GraspSpring
from cablecell.simulation.rigid import IDENTITY, NO_ROTATION, Pose

HALF_WIDTH_M, LENGTH_M, SUPPORT_M = 4.0e-3, 30.0e-3, 30.0e-3
LEAD_IN_M, HOLE_M = 1.5e-3, 14.0e-3
K_N_PER_M, K_NM_PER_RAD = 20.0e3, 30.0
MASS_KG = 0.3


def connector(clearance_m, edge_radius_m, friction):
    a, b, t = HALF_WIDTH_M + clearance_m, 2.0e-3 + clearance_m, 20.0e-3
    return parse_connector(
        {
            "name": "rig",
            "sources": ["test"],
            "clearance": {"x_m": clearance_m, "y_m": clearance_m},
            "friction": friction,
            "plug": {
                "mass_kg": MASS_KG,
                "com_m": [0.0, 0.0, -SUPPORT_M],
                "inertia_kg_m2": [5.0e-5, 5.0e-5, 5.0e-5],
                "edge_radius_m": edge_radius_m,
                "cable_exit_m": [0.0, 0.0, -LENGTH_M],
                "parts": [
                    {
                        "name": "body",
                        "centre_m": [0.0, 0.0, -LENGTH_M / 2],
                        "size_m": [2 * HALF_WIDTH_M, 4.0e-3, LENGTH_M],
                        "mates": True,
                    }
                ],
            },
            "port": {
                "rim_depth_m": 0.0,
                "wall_end_m": LEAD_IN_M + HOLE_M + 4e-3,
                "stop_depth_m": LEAD_IN_M + HOLE_M,
                "seat_tolerance_m": 1.0e-4,
                "walls": [
                    {"name": "+x", "x_m": [a, t], "y_m": [-t, t], "lead_in": [{"side": "-x", "height_m": LEAD_IN_M}]},
                    {"name": "-x", "x_m": [-t, -a], "y_m": [-t, t], "lead_in": [{"side": "+x", "height_m": LEAD_IN_M}]},
                    {"name": "+y", "x_m": [-t, t], "y_m": [b, t], "lead_in": [{"side": "-y", "height_m": LEAD_IN_M}]},
                    {"name": "-y", "x_m": [-t, t], "y_m": [-t, -b], "lead_in": [{"side": "+y", "height_m": LEAD_IN_M}]},
                ],
                "floor_x_m": [-a, a],
                "floor_y_m": [-b, b],
            },
            "grasp": {
                "width_m": 8.0e-3,
                "cable_frame": {"position_m": [0.0, 0.0, 0.0], "quat_xyzw": [0.0, 0.0, 0.0, 1.0]},
            },
            "cable": {"length_m": 1.0, "mass_kg_per_m": 0.01, "bending_stiffness_nm2": 1e-4, "diameter_m": 2e-3},
        },
        "rig",
    )


class Rig:
    """The plug, its support and the hole."""

    def __init__(self, clearance_m, offset_m, tilt_rad=0.0, edge_radius_m=2.0e-5, friction=0.2, start_m=-1.0e-3):
        self.client = open_client(PhysicsSettings(gravity_m_per_s2=0.0))
        data = connector(clearance_m, edge_radius_m, friction)
        self.port = add_port(self.client, data, IDENTITY)
        self.q = quat_from_rotvec((0.0, tilt_rad, 0.0))
        self.support = np.array([offset_m, 0.0, start_m - SUPPORT_M])
        self.plug = add_plug(self.client, data, Pose(tuple(self.support), self.q))
        settings = GraspSettings(
            stiffness_n_per_m=K_N_PER_M,
            stiffness_nm_per_rad=K_NM_PER_RAD,
            damping_ratio=0.5,
            error_m=0.0,
            error_rad=0.0,
        )
        self.spring = GraspSpring(settings, MASS_KG, 5.0e-5, IDENTITY)

    def close(self):
        p.disconnect(physicsClientId=self.client)

    def lower(self, speed_m_per_s, seconds, every_s=0.002):
        """Move the support down; returns rows of tip depth, spring force on the plug's support x and z (reaction)."""
        rows, dt = [], 1.0 / 2000
        for i in range(round(seconds / dt)):
            self.support[2] += speed_m_per_s * dt
            com, q = p.getBasePositionAndOrientation(self.plug, physicsClientId=self.client)
            v, w = p.getBaseVelocity(self.plug, physicsClientId=self.client)
            force, torque, _ = self.spring.update(
                tuple(self.support), self.q, (0.0, 0.0, speed_m_per_s), (0.0, 0.0, 0.0), com, q, v, w
            )
            p.applyExternalForce(self.plug, -1, force, com, p.WORLD_FRAME, physicsClientId=self.client)
            p.applyExternalTorque(self.plug, -1, torque, p.WORLD_FRAME, physicsClientId=self.client)
            p.stepSimulation(physicsClientId=self.client)
            if i % round(every_s / dt) == 0:
                tip = Pose(com, q) @ Pose((0.0, 0.0, SUPPORT_M), NO_ROTATION)
                # What the hole exerts on the plug is what the spring takes: minus the spring's force.
                rows.append((tip.p[2], -force[0], -force[2], tip.p[0], 2.0 * q[1]))
        return np.array(rows)
