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

from cablecell.core.config.simulation import GraspSettings
from cablecell.core.geometry.scalar import (
    Quat,
    Vec3,
    add,
    cross,
    dot,
    norm,
    quat_conjugate,
    quat_from_rotvec,
    quat_multiply,
    rotate,
    rotvec_from_quat,
    scale,
    subtract,
)
from cablecell.simulation.rigid import Pose


class GraspSpring:
    """Spring between a frame of the hand and a frame of the plug.

    Attributes:
        limit_n: Force that friction holds, N.
        slipped_m: How far the plug has slipped from where it was gripped.
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
        self._k = settings.stiffness_n_per_m
        self._k_angular = settings.stiffness_nm_per_rad
        self._d = 2.0 * settings.damping_ratio * math.sqrt(self._k * mass_kg)
        self._d_angular = 2.0 * settings.damping_ratio * math.sqrt(self._k_angular * inertia_kg_m2)
        self.force: Vec3 = (0.0, 0.0, 0.0)
        self.torque: Vec3 = (0.0, 0.0, 0.0)
        self._per_newton = 2.0 * settings.pad_friction
        self._arm_m = settings.pad_arm_m
        self.limit_n = math.inf
        self.hold_with(grip_n)
        self.slipped_m = 0.0
        self._shift: Vec3 = (0.0, 0.0, 0.0)
        # The plug is held at the origin of tcp: forces act there.
        self._hold = X_tcp_com.inverse().p
        self._q_rest = X_tcp_com.q

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
        ax, ay, az = rotate(q_plug, self._hold)
        wx, wy, wz = w_plug
        k, d = self._k, self._d
        ex, ey, ez = tcp[0] - com[0] - ax, tcp[1] - com[1] - ay, tcp[2] - com[2] - az
        if self.slipped_m:
            sx, sy, sz = rotate(q_hand, self._shift)
            ex, ey, ez = ex + sx, ey + sy, ez + sz
        # Rotation from the plug's orientation to its rest orientation, in world.
        turn = rotvec_from_quat(quat_multiply(quat_multiply(q_hand, self._q_rest), quat_conjugate(q_plug)))
        ka, da = self._k_angular, self._d_angular
        pull, twist = k * k * (ex * ex + ey * ey + ez * ez), ka * ka * dot(turn, turn)
        load = pull + twist / self._arm_m**2
        if load > self.limit_n**2:
            held = self.limit_n / math.sqrt(load)
            ex, ey, ez = self._slip((ex, ey, ez), held, q_hand)
            turn = self._twist(turn, held, q_hand)
            d, da = 0.0, 0.0
        fx = k * ex + d * (v_tcp[0] - v_com[0] - wy * az + wz * ay)
        fy = k * ey + d * (v_tcp[1] - v_com[1] - wz * ax + wx * az)
        fz = k * ez + d * (v_tcp[2] - v_com[2] - wx * ay + wy * ax)
        tx = ka * turn[0] + da * (w_hand[0] - wx)
        ty = ka * turn[1] + da * (w_hand[1] - wy)
        tz = ka * turn[2] + da * (w_hand[2] - wz)
        self.force = (fx, fy, fz)
        self.torque = add((tx, ty, tz), cross((ax, ay, az), self.force))
        return self.force, (tx, ty, tz), (com[0] + ax, com[1] + ay, com[2] + az)

    def hold_with(self, grip_n: float) -> None:
        """Hold with another force of the gripper from now on, N."""
        self.limit_n = self._per_newton * grip_n

    def _slip(self, stretch: Vec3, held: float, q_hand: Quat) -> Vec3:
        """Let the rest position follow the plug until friction holds; return the stretch that is left, in `world`."""
        excess = scale(stretch, 1.0 - held)
        self._shift = subtract(self._shift, rotate(quat_conjugate(q_hand), excess))
        self.slipped_m = norm(self._shift)
        return subtract(stretch, excess)

    def _twist(self, turn: Vec3, held: float, q_hand: Quat) -> Vec3:
        """Let the rest orientation follow the plug until friction holds; return the turn that is left, in `world`."""
        excess = scale(turn, 1.0 - held)
        in_hand = rotate(quat_conjugate(q_hand), excess)
        self._q_rest = quat_multiply(quat_from_rotvec(scale(in_hand, -1.0)), self._q_rest)
        return subtract(turn, excess)


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
