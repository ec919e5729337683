"""The simulated arm and its gripper as a UR controller drives them, one cycle of the robot's loop after the other."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from cablecell.composition.machines import Backend
from cablecell.core.control.joint_stream import JointStream
from cablecell.core.geometry import Array, invert_pose, transform_wrench
from cablecell.ports import ArmState, GripperState, WrenchSample

STOP_RAD_PER_S2 = 25.0
"""Deceleration of a joint whose program has ended. Estimate."""


class Drives(Protocol):
    """What follows set-points."""

    def forward(self, positions: Array) -> None:
        """Follow a set-point, shape (6,), rad."""
        ...


class Smoothing(Protocol):
    """What smooths set-points."""

    def smooth_over(self, lookahead_s: float) -> None:
        """Smooth them over a time from now on, s."""
        ...


class SimulatedUr:
    """An arm and fingers for a controller; `measure` before each of its periods, `grip` after it, by the same thread.

    Attributes:
        q: Measured joint positions, shape (6,), rad.
        dq: Measured joint velocities, shape (6,), rad/s.
    """

    def __init__(self, backend: Backend, drives: Drives, smoothing: Smoothing, period_s: float) -> None:
        """Stand where the arm is.

        Args:
            backend: The simulated machine, connected.
            drives: What follows set-points.
            smoothing: What smooths them.
            period_s: Of the robot's loop, s.
        """
        self._machine, self._drives, self._smoothing = backend.machine, drives, smoothing
        X_flange_ft = invert_pose(backend.tool_frames["tool0"]) @ backend.tool_frames["ft_frame"]
        self._to_flange = np.column_stack([transform_wrench(X_flange_ft, unit) for unit in np.eye(6)])
        limits = backend.model.joint_limits
        stop = np.full(limits.velocity.size, STOP_RAD_PER_S2)
        self._braking = JointStream(limits.lower, limits.upper, limits.velocity, stop, period_s)
        self._fastest = limits.velocity
        self._followed: Array | None = None
        self._rate = np.zeros_like(limits.velocity)
        self._wanted: tuple[float, float] | None = None
        machine = backend.machine
        self.measure(machine.arm.read(), machine.wrench_sensor.read(), machine.gripper.read())

    def measure(self, state: ArmState, sample: WrenchSample, gripper: GripperState) -> None:
        """Take what is measured in a cycle."""
        self.q, self.dq = state.q, state.dq
        self._wrench = np.concatenate((sample.force, sample.torque))
        self._fingers = gripper

    # As an arm ----------------------------------------------------------------------------------------------------

    def step(self, target: Array | None, period_s: float) -> None:
        """Follow a set-point, rad; without one brake to rest and hold."""
        if target is not None:
            before = target if self._followed is None else self._followed
            self._rate = (target - before) / period_s
            self._followed = target
            self._drives.forward(target)
        elif self._followed is not None:
            self._braking.reset(self._followed)
            self._braking.dq = np.clip(self._rate, -self._fastest, self._fastest)
            self._followed = None
        if target is None and self._braking.dq.any():
            self._drives.forward(self._braking.slow_down().copy())

    def smooth_over(self, lookahead_s: float) -> None:
        """Smooth set-points over a time from now on, s."""
        self._smoothing.smooth_over(lookahead_s)

    def load(self) -> tuple[Array, Array]:
        """Return force and torque on the flange, N and N·m, in flange axes, with the weight of what hangs there."""
        wrench = self._to_flange @ self._wrench
        return wrench[:3], wrench[3:]

    # As fingers ---------------------------------------------------------------------------------------------------

    @property
    def width_m(self) -> float:
        """Distance of the fingers, m."""
        return self._fingers.width_m

    @property
    def force_n(self) -> float:
        """Force that they hold with, N; 0 while they hold nothing."""
        return self._fingers.force_n

    @property
    def is_holding(self) -> bool:
        """Whether an object stops them."""
        return self._fingers.is_holding

    def move(self, width_m: float, force_n: float) -> None:
        """Move to a width, m, with at most a force, N, from the next `grip` on."""
        self._wanted = (width_m, force_n)

    def grip(self) -> None:
        """Have the fingers do what they were told since the last time."""
        wanted, self._wanted = self._wanted, None
        if wanted is not None:
            self._machine.gripper.command(*wanted)
