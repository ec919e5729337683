"""What an arm that is told torques is told: one law for each way of moving, within what its joints bear."""

from __future__ import annotations

from cablecell.core.config.control import ControlSettings
from cablecell.core.control.command import ComplianceCommand, JointMotionUpdate
from cablecell.core.control.force_loop import ForceLoop
from cablecell.core.control.impedance import CartesianImpedance, bound_torque, tool_wrench
from cablecell.core.control.joint import JointImpedance, computed_torque
from cablecell.core.control.joint_reference import JointReference
from cablecell.core.control.model import ArmDynamics, JointLimits
from cablecell.core.control.posture import is_redundant, posture_torque
from cablecell.core.control.trajectory import Reference
from cablecell.core.geometry import Array, rotate_six


class TorqueDrive:
    """The laws of a torque-controlled arm."""

    def __init__(self, settings: ControlSettings, limits: JointLimits) -> None:
        self._settings, self._limits = settings, limits
        self._impedance = CartesianImpedance(settings)
        self._force = ForceLoop(settings)
        self._joint_impedance = JointImpedance(settings, limits.lower.size)
        self._q_rest: Array | None = None

    def stand(self, q: Array) -> None:
        """Take joint positions as the posture that an arm with joints to spare keeps, shape (n,), rad."""
        self._q_rest = q.copy() if is_redundant(q.size) else None

    def reset(self) -> None:
        """Forget the gains of the motion before."""
        self._impedance.reset()
        self._force.reset()
        self._joint_impedance.reset()

    def comply(
        self,
        dynamics: ArmDynamics,
        q: Array,
        dq: Array,
        setpoint: ComplianceCommand,
        X_base_reference: Array,
        twist: Array,
        wrench_tcp: Array | None,
        *,
        is_set_point: bool,
    ) -> tuple[Array, bool]:
        """Return the torques of the Cartesian impedance, shape (n,), N·m, and whether its wrench was cut down.

        Args:
            dynamics: Where the arm is measured to be.
            q: Joint positions, shape (n,), rad.
            dq: Joint velocities, shape (n,), rad/s.
            setpoint: Gains, feed-forward and compliance frame.
            X_base_reference: Interpolated target of the compliance frame.
            twist: Its velocity in target axes.
            wrench_tcp: Environment on tool at the tcp in tcp axes; None without a sensor.
            is_set_point: Whether feedback gains mean a force set-point, and not the published controller's feedback.
        """
        feedback = None
        if wrench_tcp is not None and setpoint.feedback_gains.any():
            R_target_tcp = X_base_reference[:3, :3].T @ dynamics.X_base_tcp[:3, :3]
            if is_set_point:
                wanted = self._impedance.feedforward
                felt = tool_wrench(wrench_tcp, setpoint.X_tcp_comp, R_target_tcp)
                feedback = self._force.step(setpoint.feedback_gains, wanted, felt)
            else:
                feedback = _wrench_feedback(setpoint, R_target_tcp, wrench_tcp)
        out = self._impedance.step(dynamics, dq, setpoint, X_base_reference, twist, setpoint.acceleration, feedback)
        if self._q_rest is None:
            return out.tau, out.is_limited
        return out.tau + posture_torque(dynamics.J_base_tcp, dynamics.M, q, dq, self._q_rest), out.is_limited

    def update_joints(
        self,
        dynamics: ArmDynamics,
        q: Array,
        dq: Array,
        reference: JointReference,
        update: JointMotionUpdate,
        *,
        is_held: bool,
    ) -> Array:
        """Return the torques of the joint impedance of a streamed joint target, shape (n,), N·m."""
        return self._joint_impedance.step(dynamics.M, q, dq, reference, update, is_held=is_held)

    def track(self, dynamics: ArmDynamics, q: Array, dq: Array, target: Reference) -> Array:
        """Return the torques that follow a joint reference exactly, shape (n,), N·m."""
        return computed_torque(dynamics.M, target.q - q, target.dq - dq, target.ddq, self._settings.joint_bandwidth)

    def bound(self, q: Array, dq: Array, tau: Array) -> Array:
        """Return torques that push away from the limits of the joints, within effort and power, shape (n,), N·m."""
        settings, limits = self._settings, self._limits
        return bound_torque(
            q,
            dq,
            tau,
            limits.lower,
            limits.upper,
            limits.effort,
            settings.joint_limit_margin,
            settings.joint_limit_stiffness,
            settings.power_limit_w,
        )


def _wrench_feedback(setpoint: ComplianceCommand, R_target_tcp: Array, wrench_tcp: Array) -> Array:
    """Return G (ff - F), tip axes rotated to target axes: the published controller's amplification of contact."""
    feedforward_tcp = rotate_six(R_target_tcp.T, setpoint.feedforward)
    return rotate_six(R_target_tcp, setpoint.feedback_gains * (feedforward_tcp - wrench_tcp))
