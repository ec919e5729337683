"""A port that is not fixed to a rock: the circuit board under it bends, or what it stands on sways."""

from __future__ import annotations

import math
from dataclasses import replace

import pybullet as p

from cablecell.core.config.simulation import PortMountSettings
from cablecell.core.geometry.scalar import Quat, Vec3, add, dot, rotate, scale
from cablecell.simulation import plug_kernel as kernel
from cablecell.simulation.held_plug import HeldPlug
from cablecell.simulation.port_forces import PortForces
from cablecell.simulation.rigid import Pose
from cablecell.simulation.scene import Scene

_SEEN_M = 1.0e-7
"""Bodies are moved when they are so far from where they should be."""


class PortMount:
    """Moves the target port of a scene; everything else stays where it is.

    The port bears what presses the plug at the port, which weighs next to nothing: grasp and cable, less what the plug
    rests on beside the port.

    Attributes:
        depth_m: How far the port has given way along its axis, m; negative when it is pulled.
    """

    def __init__(
        self, client: int, scene: Scene, settings: PortMountSettings, bodies: list[int], held: HeldPlug | None
    ) -> None:
        """Take over the port.

        Args:
            client: PyBullet client of the world.
            scene: What was built; the port is at rest.
            settings: Stiffness and sway.
            bodies: Those of the target port.
            held: The plug; None without one.
        """
        self._client, self._settings, self._target = client, settings, scene.target
        port = scene.ports[scene.target]
        self._rest = (port.X_WE, port.X_WP)
        self._bodies = {body: Pose(*p.getBasePositionAndOrientation(body, physicsClientId=client)) for body in bodies}
        self._plug = None if held is None else held.body
        self._weight: Vec3 = (0.0, 0.0, 0.0 if held is None else -held.weight_n)
        self._push_n = 0.0
        self._placed: Vec3 = (0.0, 0.0, 0.0)
        self.depth_m = 0.0
        self._turn()

    def _turn(self) -> None:
        """Take the directions from how the port stands."""
        q, (x_m, y_m) = self._rest[0].q, self._settings.sway_m
        self._axis, self._sway = rotate(q, (0.0, 0.0, 1.0)), rotate(q, (x_m, y_m, 0.0))

    def carry(self, step: Pose) -> None:
        """Take notice that the board with everything on it was moved, by a pose in `world`."""
        X_WE, X_WP = self._rest
        self._rest = (step @ X_WE, step @ X_WP)
        self._bodies = {body: step @ X for body, X in self._bodies.items()}
        self._turn()

    def feel(
        self, com: Vec3, q: Quat, v: Vec3, w: Vec3, force: Vec3, torque: Vec3, place: kernel.Place
    ) -> tuple[Vec3, Vec3] | None:
        """Take notice of the force on the plug that is not the port's; it adds none itself. A force of `HeldPlug`."""
        self._push_n = dot(add(force, self._weight), self._axis)
        return None

    def _beside_n(self) -> float:
        """Return the part of the push that something beside the port bears, N."""
        if self._plug is None:
            return 0.0
        points = p.getContactPoints(bodyA=self._plug, physicsClientId=self._client)
        # The normal points to the plug: what pushes it out bears the push.
        return -sum(float(point[9]) * dot(point[7], self._axis) for point in points if point[2] not in self._bodies)

    def move(self, scene: Scene, time_s: float, dt_s: float, ports: PortForces) -> Scene:
        """Go on by one step of physics, and return the scene with the port where it is now.

        Args:
            scene: The scene so far.
            time_s: Since the start.
            dt_s: The step.
            ports: Forces of the ports, which are told.
        """
        settings = self._settings
        if settings.stiffness_n_per_m is not None:
            push_n = self._push_n - self._beside_n() if ports.near == self._target else 0.0
            self.depth_m += (push_n / settings.stiffness_n_per_m - self.depth_m) * dt_s / settings.settling_s
        swing = math.sin(2.0 * math.pi * settings.sway_hz * max(time_s, 0.0))
        shift = add(scale(self._axis, self.depth_m), scale(self._sway, swing))
        if max(abs(a - b) for a, b in zip(shift, self._placed, strict=True)) < _SEEN_M:
            return scene
        self._placed = shift
        for body, X in self._bodies.items():
            p.resetBasePositionAndOrientation(body, add(X.p, shift), X.q, physicsClientId=self._client)
        X_WE, X_WP = (Pose(add(X.p, shift), X.q) for X in self._rest)
        port = replace(scene.ports[self._target], X_WE=X_WE, X_WP=X_WP)
        scene = replace(scene, ports={**scene.ports, self._target: port})
        ports.place_port(self._target, scene)
        return scene
