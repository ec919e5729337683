"""What an arm that is told positions is told: the admittance's motion as a stream of joint positions it can follow."""

from __future__ import annotations

import numpy as np

from cablecell.core.config.control import ControlSettings
from cablecell.core.control.admittance import AdmittanceLaw, ContactLoop, damped_least_squares
from cablecell.core.control.command import ComplianceCommand
from cablecell.core.control.errors import FollowingError
from cablecell.core.control.impedance import compliance_jacobian, tool_wrench
from cablecell.core.control.joint_stream import JointStream
from cablecell.core.control.model import ArmDynamics, ArmModel
from cablecell.core.control.posture import is_redundant, posture_rate
from cablecell.core.control.servo_sag import ServoSag
from cablecell.core.geometry import Array, exp_so3, log_so3, make_pose

_IK_DAMPING = 0.02
"""Damping of the differential inverse kinematics."""

_POSE_CORRECTION = 20.0
"""Rate at which the pose error left by linearised kinematics is removed, 1/s."""


class PositionDrive:
    """Keeps the stream of joint positions and the admittance that moves it.

    Attributes:
        stream: What the arm is told.
        law: The admittance.
    """

    def __init__(self, model: ArmModel, settings: ControlSettings, loop: ContactLoop) -> None:
        self._model, self._settings = model, settings
        self._dt_s = 1.0 / settings.rate_hz
        limits = model.joint_limits
        acceleration = np.full(limits.lower.size, settings.joint_acceleration)
        self.stream = JointStream(limits.lower, limits.upper, limits.velocity, acceleration, self._dt_s)
        self.law = AdmittanceLaw(settings, loop)
        self._sag = ServoSag(settings, limits.lower.size)
        self._q_rest = np.zeros(limits.lower.size)
        self._is_streaming = False
        self._is_yielding = False

    def begin(self, q: Array, dq: Array) -> None:
        """Begin a period at measured positions and velocities; the stream starts there, if it has not begun."""
        if not self._is_streaming:
            self.restart(q)
        self._sag.observe(q, dq, self.stream.q, self.stream.dq)

    def forget(self) -> None:
        """Begin anew where the arm is next measured."""
        self._is_streaming = False

    def restart(self, q: Array) -> None:
        """Go on from measured positions, at rest."""
        self.stream.reset(q)
        self._sag.reset()
        self._is_streaming = True
        self.release()

    def release(self) -> None:
        """End giving way: the next time begins where the arm then is, and not where it was."""
        self._is_yielding = False

    def rest(self, q: Array) -> Array:
        """Return where the arm comes to rest from now on: measured positions before the stream has begun."""
        return self.stream.brake() if self._is_streaming else q.copy()

    def told(self, q: Array) -> Array:
        """Return where the arm was told to be: measured positions before the stream has begun."""
        return self.stream.q.copy() if self._is_streaming else q.copy()

    def enter(self, dynamics: ArmDynamics) -> Array:
        """Begin a Cartesian motion at rest and return where the tcp begins, shape (4, 4).

        It begins where the arm was told to be and not where it is: the difference is its lag, and would be a jump.
        """
        X_base_tcp = self._model.dynamics(self.stream.q).X_base_tcp if self._is_streaming else dynamics.X_base_tcp
        self.law.use_frame(np.eye(4))
        self.law.reset(X_base_tcp)
        self._sag.reset()
        self._q_rest = self.stream.q.copy()
        self.release()
        return X_base_tcp

    def move(
        self,
        setpoint: ComplianceCommand,
        X_base_reference: Array,
        twist: Array,
        dynamics: ArmDynamics,
        wrench_tcp: Array | None,
    ) -> Array:
        """Return the joint positions that setpoint and wrench ask for, shape (n,), rad.

        Args:
            setpoint: Gains, feed-forward and compliance frame.
            X_base_reference: Interpolated target of the compliance frame.
            twist: Its velocity in target axes.
            dynamics: Where the arm is measured to be.
            wrench_tcp: Environment on tool at the tcp in tcp axes; None without a sensor.
        """
        wrench = np.zeros(6)
        if wrench_tcp is not None:
            R_target_tcp = X_base_reference[:3, :3].T @ dynamics.X_base_tcp[:3, :3]
            wrench = tool_wrench(wrench_tcp, setpoint.X_tcp_comp, R_target_tcp)
        commanded = self._model.dynamics(self.stream.q)
        X_base_comp, J = compliance_jacobian(commanded, setpoint.X_tcp_comp)
        # Where the servos have given way, the tool is not where the law has put it: its target is as much further.
        given_way = J @ self._sag.q
        p_target = X_base_reference[:3, 3] - given_way[:3]
        X_target = make_pose(exp_so3(-given_way[3:]) @ X_base_reference[:3, :3], p_target)
        twist = self.law.step(setpoint, X_target, twist, wrench)
        X_wanted = self.law.X_base_commanded
        lag = np.empty(6)
        lag[:3] = X_wanted[:3, 3] - X_base_comp[:3, 3]
        lag[3:] = log_so3(X_wanted[:3, :3] @ X_base_comp[:3, :3].T)
        twist = twist + _POSE_CORRECTION * (lag - twist * self._dt_s)
        rate = damped_least_squares(J, twist, _IK_DAMPING)
        if is_redundant(rate.size):
            rate = rate + posture_rate(J, self.stream.q, self._q_rest)
        wanted: Array = self.stream.q + rate * self._dt_s
        return wanted

    def give_way(self, dynamics: ArmDynamics, wrench_tcp: Array) -> Array:
        """Return joint positions that yield to a wrench until it is gone; an arm held stiffly would go on pressing."""
        if not self._is_yielding:
            self.enter(dynamics)
            self._is_yielding = True
        X = self.law.X_base_commanded
        return self.move(ComplianceCommand(0.0, X, np.eye(4), np.zeros((6, 6))), X, np.zeros(6), dynamics, wrench_tcp)

    def stray(self, q: Array) -> FollowingError | None:
        """Return what is wrong when the arm is not where it was told to be; None when it is."""
        error = np.abs(q - self.stream.q)
        worst = int(error.argmax())
        limit = self._settings.following_limit_rad
        if float(error[worst]) <= limit:
            return None
        return FollowingError(
            f"joint {worst} is {float(error[worst]):.3f} rad from where it was told to be; the limit is {limit} rad: "
            "the arm does not take commands, or something holds it",
            quantity=f"following_error[{worst}]",
            value=float(error[worst]),
            limit=limit,
            unit="rad",
        )
