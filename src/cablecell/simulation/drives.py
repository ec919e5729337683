"""The arm's drives: joint torques with gravity compensation, or joint positions followed by stiff motors."""

from __future__ import annotations

from collections.abc import Sequence

import pybullet as p


class Drives:
    """What moves the joints of one arm in a PyBullet client.

    Attributes:
        torques: Torques applied in effort mode, N·m; None while positions are followed.
    """

    def __init__(
        self, client: int, body: int, joints: Sequence[int], effort_limits: Sequence[float], position_gain: float
    ) -> None:
        self._client, self._body, self._joints = client, body, list(joints)
        self._limits = list(effort_limits)
        n = len(self._joints)
        self._gains, self._velocity_gains, self._none = [position_gain] * n, [1.0] * n, [0.0] * n
        self._from: list[float] = [0.0] * n
        self._to: list[float] = [0.0] * n
        self._velocity: list[float] = [0.0] * n
        self._steps, self._step = 1, 0
        self.torques: list[float] | None = None
        self.applied: list[float] | None = None
        self._elastic: tuple[list[float], list[float]] | None = None
        self._load: list[float] = [0.0] * n

    def make_elastic(self, stiffness: Sequence[float], damping: Sequence[float]) -> None:
        """Follow positions from now on as servos with a stiffness do, and not as a rigid constraint.

        A constraint that meets a rigid surface has no stiffness at all between them: no real arm is like that.

        Args:
            stiffness: Of each joint, N·m/rad.
            damping: Of each joint, N·m·s/rad.
        """
        self._elastic = (list(stiffness), list(damping))
        self._release_motors()

    @property
    def is_elastic(self) -> bool:
        """Whether positions are followed with a stiffness; then `follow` needs the load."""
        return self._elastic is not None

    def apply_torques(self, torques: Sequence[float]) -> None:
        """Apply these torques in every step from now on, N·m."""
        if self.torques is None:
            self._release_motors()
        self.torques = list(torques)

    def resume(self) -> None:
        """Put the motors of the engine into the mode of this object, after its state was put back."""
        if self.torques is not None or self._elastic is not None:
            self._release_motors()

    def _release_motors(self) -> None:
        p.setJointMotorControlArray(
            self._body,
            self._joints,
            p.VELOCITY_CONTROL,
            targetVelocities=self._none,
            forces=self._none,
            physicsClientId=self._client,
        )

    def follow(
        self, start: Sequence[float], end: Sequence[float], steps: int, dt_s: float, load: Sequence[float] | None = None
    ) -> None:
        """Follow a straight line of joint positions over the next steps, then hold its end.

        Targets that jump once per control period would ring in the force sensor, so they are set in every step.

        Args:
            start: Positions now, rad.
            end: Positions after `steps`, rad.
            steps: Number of physics steps.
            dt_s: Length of one, s.
            load: Torques that hold the arm still, N·m; what elastic drives need beside their springs.
        """
        self.torques = None
        if load is not None:
            self._load = list(load)
        self._from, self._to = list(start), list(end)
        self._steps, self._step = steps, 0
        self._velocity = [(b - a) / (steps * dt_s) for a, b in zip(start, end, strict=True)]

    def before_step(self) -> None:
        """Set the motors for the next physics step."""
        if self.torques is not None:
            p.setJointMotorControlArray(
                self._body, self._joints, p.TORQUE_CONTROL, forces=self.torques, physicsClientId=self._client
            )
            return
        self._step += 1
        if self._step > self._steps:
            targets, velocities = self._to, self._none
        else:
            s = self._step / self._steps
            targets = [a + s * (b - a) for a, b in zip(self._from, self._to, strict=True)]
            velocities = self._velocity
        if self._elastic is not None:
            self._push(targets, velocities)
            return
        p.setJointMotorControlArray(
            self._body,
            self._joints,
            p.POSITION_CONTROL,
            targetPositions=targets,
            targetVelocities=velocities,
            forces=self._limits,
            positionGains=self._gains,
            velocityGains=self._velocity_gains,
            physicsClientId=self._client,
        )

    def _push(self, targets: Sequence[float], velocities: Sequence[float]) -> None:
        """Apply spring, damper and load of elastic drives for one step."""
        assert self._elastic is not None
        states = p.getJointStates(self._body, self._joints, physicsClientId=self._client)
        torques = [
            min(max(k * (target - s[0]) + d * (velocity - s[1]) + load, -limit), limit)
            for k, d, target, velocity, s, load, limit in zip(
                *self._elastic, targets, velocities, states, self._load, self._limits, strict=True
            )
        ]
        self.applied = torques
        p.setJointMotorControlArray(
            self._body, self._joints, p.TORQUE_CONTROL, forces=torques, physicsClientId=self._client
        )
