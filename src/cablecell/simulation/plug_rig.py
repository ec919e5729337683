"""A plug on a spring above its port, without a robot.

The support is a spring at the plug's centre of mass, moved down along the port's axis at a constant speed without
gravity. Walls, round contact, latch, plug and spring are those of the cell, so what is proved here holds there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pybullet as p
from numpy.typing import NDArray

from cablecell.core.config.connector import Connector
from cablecell.core.config.simulation import GraspSettings, PhysicsSettings
from cablecell.core.geometry.scalar import Vec3, add, cross, quat_from_rotvec, subtract
from cablecell.simulation.bodies import add_plug, add_port, open_client
from cablecell.simulation.grasp import GraspSpring
from cablecell.simulation.latch import LatchModel, make_latch
from cablecell.simulation.rigid import IDENTITY, NO_ROTATION, Pose
from cablecell.simulation.round_contact import RoundContact

ROW_EVERY_STEPS = 4


@dataclass(frozen=True)
class Support:
    """Where the plug is held, and how.

    Attributes:
        tip_m: Where the tip would be without contact, in the port's entrance frame.
        turn_rad: Rotation vector from port to plug.
        stiffness_n_per_m: Of the spring.
        stiffness_nm_per_rad: Of the spring.
        damping_ratio: Of the spring with the plug's mass and its smallest moment of inertia.
    """

    tip_m: Vec3
    turn_rad: Vec3
    stiffness_n_per_m: float = 20.0e3
    stiffness_nm_per_rad: float = 30.0
    damping_ratio: float = 0.5


@dataclass(frozen=True)
class RigRows:
    """What was measured while the support moved.

    Attributes:
        depth_m: Depth of the tip, on the plug's axis.
        lateral_n: Force of the port on the plug along x.
        lateral_y_n: The same along y.
        axial_n: Force of the port against the insertion, positive when it resists.
        penetration_m: Deepest overlap of plug and port, negative when apart; only where it was asked for.
    """

    depth_m: NDArray[np.float64]
    lateral_n: NDArray[np.float64]
    lateral_y_n: NDArray[np.float64]
    axial_n: NDArray[np.float64]
    penetration_m: NDArray[np.float64]


class PlugRig:
    """A plug, its support and its port; call `close` when done.

    Attributes:
        client: PyBullet client.
        plug: Body of the plug.
        port: Bodies of the port, the floor last.
        round: Contact of a round plug, or None.
        latch: Latch of the port, or None.
    """

    def __init__(self, connector: Connector, support: Support, physics: PhysicsSettings | None = None) -> None:
        physics = physics or PhysicsSettings()
        self.connector = connector
        self._dt_s = 1.0 / physics.rate_hz
        self.client = open_client(physics.model_copy(update={"gravity_m_per_s2": 0.0}))
        self.port = add_port(self.client, connector, IDENTITY)
        self._X_com_tip = Pose(
            (-connector.plug.com_m[0], -connector.plug.com_m[1], -connector.plug.com_m[2]), NO_ROTATION
        )
        start = Pose(support.tip_m, quat_from_rotvec(support.turn_rad)) @ self._X_com_tip.inverse()
        self._support, self._q = start
        self.plug = add_plug(self.client, connector, start)
        self.round: RoundContact | None = None
        if connector.round_fit is not None:
            self.round = RoundContact(connector, IDENTITY, self._dt_s)
            # The round contact stops the plug at the floor.
            p.setCollisionFilterPair(self.plug, self.port[-1], -1, -1, 0, physicsClientId=self.client)
        self.latch: LatchModel | None = make_latch(connector, self._dt_s)
        grasp = GraspSettings(
            stiffness_n_per_m=support.stiffness_n_per_m,
            stiffness_nm_per_rad=support.stiffness_nm_per_rad,
            damping_ratio=support.damping_ratio,
            error_m=0.0,
            error_rad=0.0,
        )
        self._spring = GraspSpring(grasp, connector.plug.mass_kg, min(connector.plug.inertia_kg_m2), IDENTITY)

    def close(self) -> None:
        """Free the client."""
        p.disconnect(physicsClientId=self.client)

    def tip(self) -> Pose:
        """Return the pose of the tip in the port's entrance frame."""
        return Pose(*p.getBasePositionAndOrientation(self.plug, physicsClientId=self.client)) @ self._X_com_tip

    def lower(
        self,
        speed_m_per_s: float,
        seconds: float,
        *,
        every_steps: int = ROW_EVERY_STEPS,
        torque_nm: Vec3 = (0.0, 0.0, 0.0),
        with_penetration: bool = False,
    ) -> RigRows:
        """Move the support down at a constant speed and return what was measured.

        Args:
            speed_m_per_s: Speed, m/s; 0 to wait, negative to pull.
            seconds: For how long, s.
            every_steps: Physics steps per row.
            torque_nm: Torque on the plug beside the spring's.
            with_penetration: Whether to look for the deepest overlap, for every row.
        """
        rows: list[tuple[float, ...]] = []
        for i in range(round(seconds / self._dt_s)):
            x, y, z = self._support
            self._support = (x, y, z + speed_m_per_s * self._dt_s)
            force, depth = self._step((0.0, 0.0, speed_m_per_s), torque_nm)
            if i % every_steps == 0:
                deepest = self.deepest_penetration_m() if with_penetration else np.nan
                # In slow motion the port's force is what the spring balances.
                rows.append((depth, -force[0], -force[1], force[2], deepest))
        return RigRows(*np.array(rows).reshape(-1, 5).T)

    def _step(self, moving: Vec3, torque_nm: Vec3) -> tuple[Vec3, float]:
        """Do one physics step and return the spring's force and the tip's depth at its begin."""
        com, q = p.getBasePositionAndOrientation(self.plug, self.client)
        v, w = p.getBaseVelocity(self.plug, self.client)
        force, torque, _ = self._spring.update(self._support, self._q, moving, (0.0, 0.0, 0.0), com, q, v, w)
        push, turn = force, add(torque, torque_nm)
        lever = subtract(Pose(com, q).apply(self._X_com_tip.p), com)
        depth = com[2] + lever[2]
        if self.latch is not None:
            hold = (0.0, 0.0, self.latch.force(depth, v[2] + w[0] * lever[1] - w[1] * lever[0], push[2]))
            push, turn = add(push, hold), add(turn, cross(lever, hold))
        if self.round is not None:
            contact = self.round.wrench(com, q, v, w, push, turn)
            push, turn = add(push, contact[0]), add(turn, contact[1])
        p.applyExternalForce(self.plug, -1, push, com, p.WORLD_FRAME, self.client)
        p.applyExternalTorque(self.plug, -1, turn, p.WORLD_FRAME, self.client)
        p.stepSimulation(self.client)
        return force, depth

    def deepest_penetration_m(self) -> float:
        """Return the largest overlap of plug and port, m; negative when apart."""
        if self.round is not None:
            return self.round.penetration_m
        gaps = [
            float(point[8])
            for body in self.port
            for point in p.getContactPoints(bodyA=self.plug, bodyB=body, physicsClientId=self.client)
        ]
        return -min(gaps, default=np.inf)
