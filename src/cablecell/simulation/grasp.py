"""The compliant grasp: a spring and damper in six directions between gripper and plug.

It stands for pad, jaw and wrist compliance. Contact itself is hard; without this spring a position-controlled arm would
push with hundreds of newtons for a few hundredths of a millimetre. The explicit form is stable while ω·dt < 0.6,
which bounds stiffness and the plug's mass (the connector schema enforces that).

Friction of both pads holds at most 2 µ F of force, F being the gripper's, and that times the arm of the pads of torque;
force and torque together stay inside the ellipsoid of the two. Beyond it the plug slips: the spring's rest pose follows
until it holds again, and meanwhile its damper, which is in series with the slip, does nothing.
"""

from __future__ import annotations

import math
import random

import numpy as np

from cablecell.core.config.simulation import GraspSettings
from cablecell.core.geometry.scalar import Quat, Vec3, quat_from_rotvec, scale
from cablecell.simulation import plug_kernel as kernel
from cablecell.simulation.rigid import Pose


class GraspSpring:
    """Spring between a frame of the hand and a frame of the plug.

    Attributes:
        fit: What it is made of, as the compiled step takes it.
        state: How far the plug has slipped, likewise.
        force: Newest force on the plug, in `world`, N.
        torque: Newest torque on the plug about its centre of mass, in `world`, N·m.
    """

    def __init__(
        self,
        settings: GraspSettings,
        mass_kg: float,
        inertia_kg_m2: float,
        X_tcp_com: Pose,
        grip_n: float = math.inf,
    ) -> None:
        """Hold a plug where it is.

        Args:
            settings: Stiffness, damping and friction.
            mass_kg: Mass of the plug.
            inertia_kg_m2: Smallest moment of inertia of the plug.
            X_tcp_com: Where it is held: pose of its centre of mass in `tcp`.
            grip_n: Force of the gripper, N; without limit nothing slips.
        """
        k, ka = settings.stiffness_n_per_m, settings.stiffness_nm_per_rad
        d = 2.0 * settings.damping_ratio * math.sqrt(k * mass_kg)
        da = 2.0 * settings.damping_ratio * math.sqrt(ka * inertia_kg_m2)
        self.force: Vec3 = (0.0, 0.0, 0.0)
        self.torque: Vec3 = (0.0, 0.0, 0.0)
        self._per_newton = 2.0 * settings.pad_friction
        # The plug is held at the origin of tcp: forces act there.
        self.fit = np.array([k, d, ka, da, math.inf, settings.pad_arm_m, *X_tcp_com.inverse().p])
        self.state = np.array([0.0, 0.0, 0.0, *X_tcp_com.q, 0.0])
        self.hold_with(grip_n)

    def update(
        self, tcp: Vec3, q_hand: Quat, v_tcp: Vec3, w_hand: Vec3, com: Vec3, q_plug: Quat, v_com: Vec3, w_plug: Vec3
    ) -> tuple[Vec3, Vec3, Vec3]:
        """Return the force on the plug, the torque on it about the point it is held at, and that point.

        Args:
            tcp: Origin of `tcp` in `world`, m.
            q_hand: Orientation of `tcp` in `world`.
            v_tcp: Velocity of that origin, m/s.
            w_hand: Angular velocity of the hand, rad/s.
            com: Centre of mass of the plug, m.
            q_plug: Orientation of the plug.
            v_com: Velocity of its centre of mass, m/s.
            w_plug: Its angular velocity, rad/s.
        """
        self.force, moment, self.torque, point = kernel.spring_wrench(
            self.fit, self.state, tcp, q_hand, v_tcp, w_hand, com, q_plug, v_com, w_plug
        )
        return self.force, moment, point

    def hold_with(self, grip_n: float) -> None:
        """Hold with another force of the gripper from now on, N."""
        self.fit[kernel.LIMIT] = self._per_newton * grip_n

    @property
    def limit_n(self) -> float:
        """Force that friction holds, N."""
        return float(self.fit[kernel.LIMIT])

    @property
    def slipped_m(self) -> float:
        """How far the plug has slipped from where it was gripped, m."""
        return float(self.state[kernel.SLIPPED])


def grasp_error(settings: GraspSettings, rng: random.Random) -> Pose:
    """Return a random displacement of the plug in the gripper, uniform in a ball of each kind.

    Args:
        settings: Radii of the balls, m and rad.
        rng: Source of randomness.
    """
    return Pose(
        scale(_direction(rng), settings.error_m * rng.random() ** (1 / 3)),
        quat_from_rotvec(scale(_direction(rng), settings.error_rad * rng.random() ** (1 / 3))),
    )


def _direction(rng: random.Random) -> Vec3:
    x, y, z = rng.gauss(0, 1), rng.gauss(0, 1), rng.gauss(0, 1)
    n = math.sqrt(x * x + y * y + z * z)
    return (x / n, y / n, z / n)
