"""What ports do to the plug beside Bullet's contact: latches, and the contact of round plugs."""

from __future__ import annotations

import numpy as np
import pybullet as p

from cablecell.core.config.simulation import SimulationSettings
from cablecell.core.geometry.scalar import Quat, Vec3, add, cross, quat_conjugate, rotate, scale, subtract
from cablecell.simulation import plug_kernel as kernel
from cablecell.simulation.held_plug import HeldPlug
from cablecell.simulation.latch import LatchModel, make_latch
from cablecell.simulation.round_contact import RoundContact
from cablecell.simulation.scene import Scene

_LATCH_SLACK_M = 0.5e-3
"""Room beyond half again its clearance within which a plug's tip is still in the port, and its latch acts."""
_BESIDE_M, _ABOVE_M, _BELOW_M = 5.0e-3, 5.0e-3, 0.06
"""A port is looked at while the plug's tip is so near to its entrance."""


class PortForces:
    """Forces of the ports of a scene on its plug.

    Attributes:
        latches: By port.
        rounds: Round contacts by port, of those that have the plug's connector.
        near: The port that the plug is in or above, if any.
    """

    def __init__(
        self,
        client: int,
        scene: Scene,
        settings: SimulationSettings,
        ports: dict[str, list[int]],
        held: HeldPlug | None,
    ) -> None:
        """Build them.

        Args:
            client: PyBullet client of the world.
            scene: What was built.
            settings: Step, friction, gravity, and whether there are latches.
            ports: Bodies of every port by name, the floor last.
            held: The plug, or None.
        """
        physics = settings.physics
        dt_s = 1.0 / physics.rate_hz
        self._held = held
        self.latches: dict[str, LatchModel] = {}
        self.rounds: dict[str, RoundContact] = {}
        self._latches_within: dict[str, float] = {}
        self.near: str | None = None
        for name, port in scene.ports.items():
            latch = make_latch(port.connector, dt_s) if settings.has_latch else None
            if latch is not None:
                self.latches[name] = latch
                clearance = port.connector.clearance
                self._latches_within[name] = (1.5 * max(clearance.x_m, clearance.y_m) + _LATCH_SLACK_M) ** 2
            plug = scene.plug
            if held is None or plug is None or plug.connector.round_fit is None:
                continue
            if plug.connector.name == port.connector.name:
                self.rounds[name] = RoundContact(plug.connector, port.X_WE, dt_s, physics.friction_scale)
                # The round contact stops the plug at the floor.
                p.setCollisionFilterPair(held.body, ports[name][-1], -1, -1, 0, physicsClientId=client)
        self._weight_n = 0.0 if held is None else held.weight_n
        self._com = (0.0, 0.0, 0.0) if scene.plug is None else scene.plug.connector.plug.com_m
        self.place(scene)

    def place(self, scene: Scene) -> None:
        """Take notice of where the ports are."""
        self._scene = scene
        self._axes = {name: rotate(port.X_WE.q, (0.0, 0.0, 1.0)) for name, port in scene.ports.items()}
        self._at = {name: np.array([*port.X_WE.p, *self._axes[name], *self._com]) for name, port in scene.ports.items()}
        for name, contact in self.rounds.items():
            contact.place(scene.ports[name].X_WE)

    def place_port(self, name: str, scene: Scene) -> None:
        """Take notice of where one port is that moved without turning."""
        self._scene = scene
        X_WE = scene.ports[name].X_WE
        self._at[name][:3] = X_WE.p
        if name in self.rounds:
            self.rounds[name].place(X_WE)

    def look(self) -> None:
        """Find the port that the plug's tip is in or just above; a port that it has left forgets its contact."""
        if self._held is None:
            return
        before, self.near = self.near, None
        for latch in self.latches.values():
            latch.is_gripped = self._held.grasp is not None
        tip = self._held.tip().p
        for name, port in self._scene.ports.items():
            x, y, z = rotate(quat_conjugate(port.X_WE.q), subtract(tip, port.X_WE.p))
            if abs(x) < _BESIDE_M and abs(y) < _BESIDE_M and -_ABOVE_M < z < _BELOW_M:
                self.near = name
                break
        self._held.port = kernel.NOWHERE if self.near is None else self._at[self.near]
        if before is not None and before != self.near and before in self.rounds:
            self.rounds[before].reset()

    def act(
        self, com: Vec3, q: Quat, v: Vec3, w: Vec3, force: Vec3, torque: Vec3, place: kernel.Place
    ) -> tuple[Vec3, Vec3] | None:
        """Return force, N, and torque about the centre of mass, N·m, on the plug for the coming step, in `world`.

        Args:
            com: Centre of mass of the plug, m.
            q: Its orientation.
            v: Its velocity, m/s.
            w: Its angular velocity, rad/s.
            force: Everything else that acts on it beside gravity, N.
            torque: The same about the centre of mass, N·m.
            place: How the tip is in the port it is near to.
        """
        near = self.near
        if near is None:
            return None
        latch, contact = self.latches.get(near), self.rounds.get(near)
        if latch is None and contact is None:
            return None
        push, turn = (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)
        if latch is not None:
            depth, beside, speed, load, lever = place
            # A plug that stands beside its port is as deep as one in it, but there is nothing to latch on.
            along = latch.force(depth, speed, load) if beside < self._latches_within[near] else 0.0
            if along != 0.0:
                push = scale(self._axes[near], along)
                turn = cross(lever, push)
            elif contact is None:
                return None
        if contact is not None:
            loaded = (force[0], force[1], force[2] - self._weight_n)
            more, turn_more = contact.wrench(com, q, v, w, add(loaded, push), add(torque, turn))
            push, turn = add(push, more), add(turn, turn_more)
        return push, turn

    def contact_force_n(self) -> float:
        """Return the sum of the normal forces of the round contact, N."""
        contact = self.rounds.get(self.near or "")
        return 0.0 if contact is None else contact.normal_n
