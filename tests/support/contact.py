"""A small analytic contact world: a stiff land with a chamfered rectangular hole, a stop and a latch.

The tip is a free body under a compliance command, pushed by penalty springs; enough to drive every phase of the skill.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from cablecell.core.control.command import ComplianceCommand
from cablecell.core.geometry import Array, exp_so3, invert_pose, log_so3, make_pose, rotate_six, shift_wrench
from cablecell.core.insertion.observation import Observation, PoseEstimate
from cablecell.core.insertion.outcome import InsertionResult
from cablecell.core.insertion.profile import ConnectorProfile
from cablecell.core.insertion.skill import InsertionSkill

MASS_KG = 4.0
INERTIA = 0.03
PERIOD_S = 0.002
SUBSTEPS = 4
WALL = 40000.0
X_TCP_TIP = make_pose(exp_so3([0.35, 0.0, 0.0]), [0.0, -0.02, 0.054])
X_BASE_PORT = make_pose(exp_so3([math.pi, 0.0, 0.0]), [0.4, 0.1, 0.2])


@dataclass
class World:
    """What the tip meets, in the true port frame.

    Attributes:
        profile: Geometry of the port.
        has_port: False leaves nothing but air.
        has_hole: False closes the opening.
        reach_m: Distance from the axis beyond which there is no land: beside the part the plug falls.
        beside_m: Depth at which it then stands; None for nowhere.
        block_m: Depth at which something stops the plug; None for the real stop.
        latch_n: Push of the latch; 0 for none.
        retention_n: What the closed latch holds.
        floor: Stiffness of the stop, N/m.
        load: Constant wrench on the tip in base axes.
        spike_n: Extra sideways force below `spike_from_m`.
        spike_from_m: Depth where it begins.
        wedge_m: Depth from which a plug that has been there cannot be pulled further out; None for none.
        snag_m: Depth above which the cable holds it back with 20 N/mm; None for none.
        grip_n: Axial force at which the gripper loses the plug.
        ledge_m: Depth at which the plug stands until it has been pressed for `ledge_s`; None for nowhere.
        ledge_s: How long it has to be pressed there, s.
        stopped_s: How long it has been pressed at its last stop, s.
        fingers_m: Depth at which the fingers stand on the part, however the plug is; None for nowhere.
        draw_n: Force with which a closed latch draws the plug to its stop, and with which the plug draws fingers that
            stand on the part towards it.
    """

    profile: ConnectorProfile
    has_port: bool = True
    has_hole: bool = True
    reach_m: float = math.inf
    beside_m: float | None = None
    block_m: float | None = None
    latch_n: float = 0.0
    retention_n: float = 0.0
    floor: float = WALL
    load: Array = field(default_factory=lambda: np.zeros(6))
    spike_n: float = 0.0
    spike_from_m: float = 1.0
    wedge_m: float | None = None
    snag_m: float | None = None
    grip_n: float = math.inf
    ledge_m: float | None = None
    ledge_s: float = 0.0
    stopped_s: float = 0.0
    fingers_m: float | None = None
    draw_n: float = 0.0
    is_beside: bool = False
    is_latched: bool = False
    is_lost: bool = False
    is_wedged: bool = False

    def wrench(self, p: Array, v: Array, rotvec: Array, w: Array) -> Array:
        """Return the wrench on the tip in port axes, shape (6,)."""
        out = np.zeros(6)
        self.is_beside = self.is_beside and p[2] > 0.0
        if self.snag_m is not None and p[2] < self.snag_m:
            out[2] += 20000.0 * (self.snag_m - float(p[2]))
        if not self.has_port or self.is_lost or p[2] <= 0.0:
            return out
        profile = self.profile
        depth = float(p[2])
        normal = 0.0
        if self.is_beside or math.hypot(float(p[0]), float(p[1])) > self.reach_m:
            self.is_beside = True  # and so until it is above the part again
            if self.beside_m is not None and depth > self.beside_m:
                out[2] -= max(WALL * (depth - self.beside_m) - 80.0 * float(v[2]), 0.0)
            return out
        opening = [c + max(0.0, profile.chamfer_m - depth) for c in profile.clearance_m]
        excess = [abs(float(p[i])) - opening[i] for i in (0, 1)]
        on_land = not self.has_hole or any(
            abs(float(p[i])) > profile.clearance_m[i] + profile.chamfer_m for i in (0, 1)
        )
        if on_land and depth < 3e-3:
            normal = WALL * depth - 80.0 * float(v[2])
            out[2] -= max(normal, 0.0)
        else:
            for i in (0, 1):
                if excess[i] <= 0.0:
                    continue
                side = math.copysign(1.0, float(p[i]))
                push = WALL * excess[i]
                if depth < profile.chamfer_m:
                    push *= 0.5
                    out[2] -= push
                out[i] -= side * push
                normal += push
            if depth > profile.chamfer_m:
                play = 2.0 * min(profile.clearance_m) / max(depth, 1e-3)
                for i in (0, 1, 2):
                    turn = float(rotvec[i])
                    if abs(turn) > play:
                        out[3 + i] -= 20.0 * (turn - math.copysign(play, turn))
                    out[3 + i] -= 0.05 * float(w[i])
            out += self._axial(depth, float(v[2]))
            if depth > self.spike_from_m:
                out[0] += self.spike_n
            self.is_lost = -float(out[2]) > self.grip_n
        speed = math.hypot(float(v[0]), float(v[1]))
        if on_land and speed > 1e-9:
            friction = profile.friction * max(normal, 0.0) * math.tanh(speed / 1e-3) / speed
            out[:2] -= friction * v[:2]
        return out

    def _axial(self, depth: float, speed: float) -> Array:
        out = np.zeros(6)
        stop = self.profile.depth_m if self.block_m is None else self.block_m
        if self.ledge_m is not None:
            if self.stopped_s > self.ledge_s:
                self.ledge_m, self.stopped_s = None, 0.0
            else:
                stop = self.ledge_m
        self.is_wedged = self.is_wedged or (self.wedge_m is not None and depth > self.wedge_m)
        if self.wedge_m is not None and self.is_wedged and depth < self.wedge_m:
            out[2] += max(WALL * (self.wedge_m - depth) - 80.0 * speed, 0.0)
        if self.fingers_m is not None and depth > self.fingers_m - 1.0e-3:
            # Far stiffer than a grasp.
            out[2] += self.draw_n - max(10.0 * WALL * (depth - self.fingers_m) - 400.0 * speed, 0.0)
        if depth > stop:
            self.stopped_s += PERIOD_S / SUBSTEPS
            out[2] -= max(self.floor * (depth - stop) - min(80.0, 0.002 * self.floor) * speed, 0.0)
        if self.latch_n > 0.0 and self.block_m is None:
            before = self.profile.depth_m - depth
            if not self.is_latched:
                if 1.0e-3 < before < 2.0e-3:
                    out[2] -= self.latch_n * (2.0e-3 - before) / 1.0e-3
                elif 0.6e-3 < before <= 1.0e-3:
                    out[2] -= self.latch_n * (before - 0.6e-3) / 0.4e-3
                elif before <= 0.4e-3:
                    self.is_latched = True
            else:
                out[2] += self.draw_n if before > 0.0 else 0.0
                stretch = before - 0.4e-3
                if stretch > 0.0:
                    force = 20000.0 * stretch
                    if force > self.retention_n:
                        self.is_latched = False
                    else:
                        out[2] += force
        return out


class TipPlant:
    """A free body held by compliance commands in a `World`; times are those of a 500 Hz loop."""

    def __init__(self, world: World, *, X_base_tip: Array, period_s: float = PERIOD_S, noise_n: float = 0.02) -> None:
        self.world = world
        self.X = X_base_tip.copy()
        self.v = np.zeros(3)
        self.w = np.zeros(3)
        self.time_s = 0.0
        self.bias = np.array([0.3, -0.2, 0.4, 0.01, -0.005, 0.0])
        self._dt_s = period_s
        self._rng = np.random.default_rng(5)
        self._noise_n = noise_n
        self._contact = np.zeros(6)
        self.peak_n = 0.0

    def depth_m(self) -> float:
        return float((invert_pose(X_BASE_PORT) @ self.X)[2, 3])

    def observe(self, port: PoseEstimate | None, tip: PoseEstimate) -> Observation:
        X_base_tcp = self.X @ invert_pose(X_TCP_TIP)
        in_tcp = rotate_six(X_base_tcp[:3, :3].T, self._contact)
        at_tcp = shift_wrench(in_tcp[:3], in_tcp[3:], -X_TCP_TIP[:3, 3])
        noise = self._rng.normal(size=6) * np.array([self._noise_n] * 3 + [0.001] * 3)
        return Observation(self.time_s, X_base_tcp, at_tcp + self.bias + noise, port, tip)

    def cycle(self, command: ComplianceCommand) -> None:
        dt = self._dt_s / SUBSTEPS
        R = command.X_base_target[:3, :3]
        inertia = np.array([MASS_KG] * 3 + [INERTIA] * 3)
        K = np.diag(command.stiffness)
        design = 2.0 * command.damping_ratio * np.sqrt(K * inertia)
        D = design + np.diag(command.damping)
        X_port_base = invert_pose(X_BASE_PORT)
        R_port = X_BASE_PORT[:3, :3]
        for _ in range(SUBSTEPS):
            X_port = X_port_base @ self.X
            local = self.world.wrench(X_port[:3, 3], R_port.T @ self.v, log_so3(X_port[:3, :3]), R_port.T @ self.w)
            contact = rotate_six(R_port, local)
            error = np.concatenate(
                (
                    R.T @ (command.X_base_target[:3, 3] - self.X[:3, 3]),
                    -log_so3(R.T @ self.X[:3, :3]),
                )
            )
            twist = np.concatenate((R.T @ self.v, R.T @ self.w))
            push = K * error + D * command.twist + command.feedforward
            outer = push + rotate_six(R.T, contact + self.world.load)
            # Damping is taken implicitly: any commanded value is stable.
            twist = (twist + outer / inertia * dt) / (1.0 + D / inertia * dt)
            self.v, self.w = R @ twist[:3], R @ twist[3:]
            self.X[:3, 3] += self.v * dt
            self.X[:3, :3] = exp_so3(self.w * dt) @ self.X[:3, :3]
        self._contact = contact
        self.peak_n = max(self.peak_n, float(np.linalg.norm(contact[:3])))
        self.time_s += self._dt_s


def estimate(X: Array, *, sigma_m: float, sigma_rad: float, stamp_s: float = 0.0) -> PoseEstimate:
    return PoseEstimate(stamp_s, X, np.diag([sigma_m**2] * 3 + [sigma_rad**2] * 3))


def run_skill(
    skill: InsertionSkill,
    world: World,
    *,
    error_m: tuple[float, float, float] = (0.0, 0.0, 0.0),
    error_rad: tuple[float, float, float] = (0.0, 0.0, 0.0),
    sigma_m: float = 0.001,
    sigma_rad: float = 0.008,
    limit_s: float = 60.0,
    cancel_at_s: float | None = None,
    stamp_s: float = 0.0,
) -> tuple[InsertionResult, TipPlant, list[str]]:
    """Run a skill to its end; the port estimate is off by the errors, in port axes. Returns also the phases passed."""
    X_est = X_BASE_PORT @ make_pose(exp_so3(error_rad), error_m)
    port = estimate(X_est, sigma_m=sigma_m, sigma_rad=sigma_rad, stamp_s=stamp_s)
    tip = estimate(X_TCP_TIP, sigma_m=0.0003, sigma_rad=0.005)
    start = X_est @ make_pose(exp_so3([0.02, -0.01, 0.03]), [0.002, -0.003, -0.02])
    plant = TipPlant(world, X_base_tip=start)
    phases: list[str] = []
    while plant.time_s < limit_s:
        if cancel_at_s is not None and plant.time_s >= cancel_at_s:
            skill.cancel()
        out = skill.step(plant.observe(port, tip))
        if not phases or phases[-1] != out.phase.name:
            phases.append(out.phase.name)
        if out.result is not None:
            return out.result, plant, phases
        plant.cycle(out.command)
    raise AssertionError(f"no result within {limit_s} s of simulated time; phases {phases}, {skill.reason}")
