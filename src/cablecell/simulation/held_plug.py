"""The plug in the gripper: its body, the grasp that holds it, the cable that pulls at it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np
import pybullet as p

from cablecell.core.config.simulation import SimulationSettings
from cablecell.core.geometry.scalar import Quat, Vec3, add, rotate, scale, subtract
from cablecell.simulation import plug_kernel as kernel
from cablecell.simulation.bodies import add_plug
from cablecell.simulation.cable import Cable
from cablecell.simulation.grasp import GraspSpring, grasp_error
from cablecell.simulation.rigid import Pose
from cablecell.simulation.scene import GrippedPlug

PlugForce = Callable[[Vec3, Quat, Vec3, Vec3, Vec3, Vec3, kernel.Place], "tuple[Vec3, Vec3] | None"]
"""Something else that acts on the plug: from centre of mass, orientation, velocity and angular velocity of the plug,
force and torque that act on it already and how its tip is in the port it is near to, to force, N, and torque about the
centre of mass, N·m, in `world`; None where nothing acts."""

_LOOSE = np.array([0.0, 0.0, 0.0, 0.0, np.inf, 1.0, 0.0, 0.0, 0.0])
_UNHELD = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0])
"""A grasp that does nothing."""


class HeldPlug:
    """A plug as a free body, and what acts on it beside contact.

    Attributes:
        body: The plug in the client.
        X_tcp_tip_nominal: Where the trial puts the tip in the gripper.
        grasp: Spring that holds the plug; None while it is released.
        cable: Pull of the cable, or None.
        forces: What acts on the plug beside grasp and cable, in every step.
        port: The port that the plug is near to, as the compiled step takes it.
        weight_n: Weight of the plug, N.
    """

    def __init__(
        self,
        client: int,
        arm: int,
        hand: int,
        X_hand_tcp: Pose,
        held: GrippedPlug,
        settings: SimulationSettings,
        X_world_tcp: Pose,
        table_height_m: float,
        rng: random.Random,
        grip_n: float,
    ) -> None:
        """Put the plug between the fingers, displaced by the error of the grasp.

        Args:
            client: PyBullet client of the world.
            arm: Body of the arm.
            hand: Link of the hand.
            X_hand_tcp: Pose of `tcp` in that link.
            held: What is gripped and how.
            settings: Grasp, cable and gravity.
            X_world_tcp: Where the gripper is.
            table_height_m: What the cable lies on.
            rng: Source of the error of the grasp.
            grip_n: Force of the gripper, N.
        """
        self._client, self._arm, self._hand, self._X_hand_tcp = client, arm, hand, X_hand_tcp
        plug = held.connector.plug
        self._com: Vec3 = (plug.com_m[0], plug.com_m[1], plug.com_m[2])
        X_tip_com = Pose(self._com, (0.0, 0.0, 0.0, 1.0))
        self.X_tcp_tip_nominal = held.nominal_grasp(X_world_tcp)
        error = grasp_error(settings.grasp, rng)
        nominal = self.X_tcp_tip_nominal
        # The error turns the plug about the point it is held at, and shifts it.
        turned = Pose(add(rotate(error.q, nominal.p), error.p), (Pose((0.0, 0.0, 0.0), error.q) @ nominal).q)
        X_tcp_com = turned @ X_tip_com
        self.body = add_plug(client, held.connector, X_world_tcp @ X_tcp_com)
        inertia = min(plug.inertia_kg_m2)
        self._spring = (settings.grasp, plug.mass_kg, inertia)
        self.grasp: GraspSpring | None = GraspSpring(*self._spring, X_tcp_com, grip_n)
        self._held_point = X_tcp_com.inverse().p
        for link in range(-1, p.getNumJoints(arm, physicsClientId=client)):
            # The spring stands for the contact between pads and plug.
            p.setCollisionFilterPair(arm, self.body, link, -1, 0, physicsClientId=client)
        exit_point = plug.cable_exit_m
        self._boot = subtract((exit_point[0], exit_point[1], exit_point[2]), self._com)
        self._load = np.zeros(kernel.LOAD_SIZE)
        self.cable: Cable | None = None
        if settings.cable.is_present:
            self.cable = Cable(
                held.connector.cable,
                settings.cable,
                table_height_m=table_height_m,
                gravity_m_per_s2=settings.physics.gravity_m_per_s2,
                boot=self.boot(),
                q_plug=self.com().q,
            )
            self._take_load(self.cable)
        self.forces: Sequence[PlugForce] = ()
        self.port = kernel.NOWHERE
        self.weight_n = plug.mass_kg * settings.physics.gravity_m_per_s2

    def com(self) -> Pose:
        """Return the pose of the centre of mass, with the axes of the tip."""
        return Pose(*p.getBasePositionAndOrientation(self.body, physicsClientId=self._client))

    def tip(self) -> Pose:
        """Return the true pose of the tip in `world`."""
        return self.com() @ Pose(scale(self._com, -1.0), (0.0, 0.0, 0.0, 1.0))

    def held_point(self) -> Vec3:
        """Return the point of the plug that was between the fingers when it was gripped first, in `world`, m."""
        return self.com().apply(self._held_point)

    def boot(self) -> Vec3:
        """Return where the cable leaves the plug, in `world`, m."""
        com, q = self.com()
        return add(com, rotate(q, self._boot))

    def move_cable(self) -> None:
        """Let the cable follow the plug for one period of its rate."""
        if self.cable is not None:
            self.cable.update(self.boot(), self.com().q)
            self._take_load(self.cable)

    def _take_load(self, cable: Cable) -> None:
        self._load[:] = (
            *self._boot,
            *cable.force,
            *cable.torque,
            cable.damping_n_s_per_m,
            cable.damping_nm_s_per_rad,
        )

    def grip(self, X_world_tcp: Pose, grip_n: float) -> None:
        """Hold the plug where it is now, without moving it.

        Args:
            X_world_tcp: Where the gripper is.
            grip_n: Its force, N.
        """
        self.grasp = GraspSpring(*self._spring, X_world_tcp.inverse() @ self.com(), grip_n)

    def push(self) -> None:
        """Apply grasp, cable and other forces to the plug, and the reaction of the grasp to the hand, for one step."""
        client, plug, grasp = self._client, self.body, self.grasp
        com, q = p.getBasePositionAndOrientation(plug, client)
        v, w = p.getBaseVelocity(plug, client)
        # Without fresh kinematics the link's pose is one step old, and the spring would gain energy.
        hand = p.getLinkState(self._arm, self._hand, 1, 1, client)
        fit, state = (_LOOSE, _UNHELD) if grasp is None else (grasp.fit, grasp.state)
        force, torque, held, twisted, push, turn, point, place = kernel.held_wrench(
            fit,
            state,
            self._load,
            self._X_hand_tcp.p,
            hand[0],
            hand[4],
            hand[5],
            hand[6],
            hand[7],
            com,
            q,
            v,
            w,
            self.port,
            self.weight_n,
        )
        if grasp is not None:
            grasp.force, grasp.torque = held, twisted
            p.applyExternalForce(self._arm, self._hand, push, point, p.WORLD_FRAME, client)
            p.applyExternalTorque(self._arm, self._hand, turn, p.WORLD_FRAME, client)
        for act in self.forces:
            wrench = act(com, q, v, w, force, torque, place)
            if wrench is not None:
                force, torque = add(force, wrench[0]), add(torque, wrench[1])
        p.applyExternalForce(plug, -1, force, com, p.WORLD_FRAME, client)
        p.applyExternalTorque(plug, -1, torque, p.WORLD_FRAME, client)
