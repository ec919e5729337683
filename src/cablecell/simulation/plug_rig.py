"""A plug on a spring above its port, without a robot.

The support is a spring at the plug's centre of mass, moved down along the port's axis at a constant speed without
gravity. Walls, round contact, latch, plug and spring are those of the cell, so what is proved here holds there.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np
import pybullet as p
from numpy.typing import NDArray

from cablecell.core.config.connector import Connector
from cablecell.core.config.simulation import GraspSettings, PhysicsSettings
from cablecell.core.geometry.scalar import Quat, Vec3, add, cross, quat_from_rotvec, subtract
from cablecell.simulation.bodies import add_plug, add_port, open_client
from cablecell.simulation.grasp import GraspSpring
from cablecell.simulation.latch import LatchModel, make_latch
from cablecell.simulation.rigid import IDENTITY, NO_ROTATION, Pose
from cablecell.simulation.round_contact import RoundContact

ROW_EVERY_STEPS = 4
SLIP_M = 20.0e-6
"""A plug that moved so far has slipped."""


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

    def spring(self, mass_kg: float, inertia_kg_m2: float) -> GraspSpring:
        """Return the spring, which is the cell's own, for a plug of a mass and a smallest moment of inertia."""
        settings = GraspSettings(
            stiffness_n_per_m=self.stiffness_n_per_m,
            stiffness_nm_per_rad=self.stiffness_nm_per_rad,
            damping_ratio=self.damping_ratio,
            error_m=0.0,
            error_rad=0.0,
        )
        return GraspSpring(settings, mass_kg, inertia_kg_m2, IDENTITY)


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


def joined(first: RigRows, second: RigRows) -> RigRows:
    """Return the rows of one move and then of the next."""
    pairs = zip(astuple(first), astuple(second), strict=True)
    return RigRows(*(np.concatenate(pair) for pair in pairs))


class PlugRig:
    """A plug, its support and its port; call `close` when done.

    Attributes:
        rate_hz: Of the physics: what was asked for, or more where the fit needs it.
        client: PyBullet client.
        plug: Body of the plug.
        port: Bodies of the port, the floor last.
        round: Contact of a round plug, or None.
        latch: Latch of the port, or None.
    """

    def __init__(
        self, connector: Connector, support: Support, physics: PhysicsSettings | None = None, *, has_latch: bool = True
    ) -> None:
        physics = (physics or PhysicsSettings()).for_connector(connector)
        self.rate_hz = physics.rate_hz
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
        self.latch: LatchModel | None = make_latch(connector, self._dt_s) if has_latch else None
        self._spring = support.spring(connector.plug.mass_kg, min(connector.plug.inertia_kg_m2))

    def close(self) -> None:
        """Free the client."""
        p.disconnect(physicsClientId=self.client)

    def tip(self) -> Pose:
        """Return the pose of the tip in the port's entrance frame."""
        return Pose(*p.getBasePositionAndOrientation(self.plug, physicsClientId=self.client)) @ self._X_com_tip

    def led_depth_m(self) -> float:
        """Return the depth at which the tip would be without contact, m."""
        return Pose(self._support, self._q).apply(self._X_com_tip.p)[2]

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
        return force, self._apply(com, q, v, w, force, add(torque, torque_nm))

    def _apply(self, com: Vec3, q: Quat, v: Vec3, w: Vec3, force: Vec3, torque: Vec3) -> float:
        """Do one physics step under a force and a torque on the plug, and return the tip's depth at its begin."""
        push, turn = force, torque
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
        return depth

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

    def touched_sides(self) -> tuple[bool, bool]:
        """Return whether the port pushes the plug along +x, and along -x."""
        if self.round is not None:
            plus, minus = self.round.sides_n()
            return plus > 0.0, minus > 0.0
        points = p.getContactPoints(bodyA=self.plug, physicsClientId=self.client)
        pushes = [float(point[7][0]) for point in points if point[9] > 0.0]
        return any(x > 0.1 for x in pushes), any(x < -0.1 for x in pushes)

    def slip_force_n(self, torque_nm: Vec3, most_n: float) -> float:
        """Return the axial force at which an unsupported plug, pressed by a torque, moves on by 20 µm; inf if never.

        Args:
            torque_nm: Torque on the plug.
            most_n: Force at the end of the ramp, N.
        """
        self._free(torque_nm, 0.0, 0.3)
        # Slowly: a force that rises while the plug already moves would be found too large.
        start, steps = self.tip().p[2], round(1.5 / self._dt_s)
        for i in range(steps):
            force = most_n * (i + 1) / steps
            self._free(torque_nm, force, self._dt_s)
            if self.tip().p[2] > start + SLIP_M:
                return force
        return float("inf")

    def squeeze_n(self, torque_nm: Vec3) -> tuple[float, float]:
        """Press an unsupported round plug by a torque and let it go; return the force of each side before and after, N.

        Raises:
            ValueError: The plug is not round.
        """
        if self.round is None:
            raise ValueError("only a round contact keeps a squeeze")
        self._free(torque_nm, 0.0, 0.3)
        pressed, steps = 0.5 * self.round.normal_n, 400
        for i in range(steps):
            share = 1.0 - (i + 1) / steps
            self._free((share * torque_nm[0], share * torque_nm[1], share * torque_nm[2]), 0.0, self._dt_s)
        self._free((0.0, 0.0, 0.0), 0.0, 0.1)
        return pressed, 0.5 * self.round.normal_n

    def _free(self, torque_nm: Vec3, axial_n: float, seconds: float) -> None:
        """Let the plug go without its support, under a torque and a force along the port's axis at its tip."""
        for _ in range(round(seconds / self._dt_s)):
            com, q = p.getBasePositionAndOrientation(self.plug, self.client)
            v, w = p.getBaseVelocity(self.plug, self.client)
            push = (0.0, 0.0, axial_n)
            lever = subtract(Pose(com, q).apply(self._X_com_tip.p), com)
            self._apply(com, q, v, w, push, add(torque_nm, cross(lever, push)))
