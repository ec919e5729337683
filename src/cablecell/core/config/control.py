"""Settings of the arm controller: limits, gains and time-outs."""

from __future__ import annotations

from pydantic import model_validator

from cablecell.core.config.parameters import ParameterSchema, parameter


class ControlSettings(ParameterSchema):
    """How the arm controller moves, limits and watches."""

    rate_hz: float = parameter(500.0, "Rate of the control loop.", unit="Hz", minimum=50.0, maximum=2000.0)
    linear_speed: float = parameter(
        0.25, "Highest speed of an interpolated Cartesian target.", unit="m/s", minimum=0.001, maximum=2.0
    )
    linear_acceleration: float = parameter(
        2.0, "Highest acceleration of an interpolated Cartesian target.", unit="m/s^2", minimum=0.01, maximum=20.0
    )
    angular_speed: float = parameter(
        1.5, "Highest angular speed of an interpolated Cartesian target.", unit="rad/s", minimum=0.01, maximum=6.0
    )
    angular_acceleration: float = parameter(
        12.0, "Highest angular acceleration of an interpolated target.", unit="rad/s^2", minimum=0.1, maximum=100.0
    )
    force_limit_n: float = parameter(
        40.0, "Highest norm of the commanded force at the compliance frame.", unit="N", minimum=1.0, maximum=150.0
    )
    torque_limit_nm: float = parameter(
        8.0, "Highest norm of the commanded moment at the compliance frame.", unit="N*m", minimum=0.1, maximum=30.0
    )
    feedforward_force_rate: float = parameter(
        500.0, "Fastest change of a feed-forward force.", unit="N/s", minimum=1.0, maximum=5000.0
    )
    feedforward_torque_rate: float = parameter(
        25.0, "Fastest change of a feed-forward moment.", unit="N*m/s", minimum=0.1, maximum=500.0
    )
    gain_time_constant_s: float = parameter(
        0.02, "Time constant with which stiffness and damping follow.", unit="s", minimum=0.0, maximum=1.0
    )
    damping_design_rate_hz: float = parameter(
        125.0, "Rate at which the inertia-based damping is computed anew.", unit="Hz", minimum=10.0, maximum=2000.0
    )
    damping_step_limit: float = parameter(
        0.6, "Largest damping times step over inertia, any direction: below 2 is stable.", minimum=0.05, maximum=1.0
    )
    joint_bandwidth: float = parameter(
        60.0, "Bandwidth of joint tracking by computed torque.", unit="rad/s", minimum=1.0, maximum=200.0
    )
    joint_limit_margin: float = parameter(
        0.08, "Distance to a joint limit at which the repelling torque starts.", unit="rad", minimum=0.0, maximum=0.5
    )
    joint_limit_stiffness: float = parameter(
        300.0, "Stiffness of the repelling torque at a joint limit.", unit="N*m/rad", minimum=0.0, maximum=5000.0
    )
    joint_acceleration: float = parameter(
        40.0,
        "Highest joint acceleration of positions that are streamed to a position-controlled arm.",
        unit="rad/s^2",
        minimum=1.0,
        maximum=200.0,
    )
    following_limit_rad: float = parameter(
        0.15,
        "Largest distance of a position-controlled arm from what it was told; beyond it stops, or at rest holds anew.",
        unit="rad",
        minimum=0.01,
        maximum=1.0,
    )
    command_hold_after_s: float = parameter(
        0.1,
        "Age of the last streamed command at which the arm holds its reference.",
        unit="s",
        minimum=0.004,
        maximum=5.0,
    )
    command_stop_after_s: float = parameter(
        0.5,
        "Age of the last streamed command at which the arm stops with a fault.",
        unit="s",
        minimum=0.01,
        maximum=30.0,
    )
    command_age_limit_s: float = parameter(0.2, "Oldest stamp that is accepted.", unit="s", minimum=0.005, maximum=5.0)
    command_ahead_limit_s: float = parameter(
        0.05, "How far a stamp may be ahead of the clock.", unit="s", minimum=0.0, maximum=1.0
    )
    contact_force_limit_n: float = parameter(
        60.0, "Measured force at which the controller stops the arm.", unit="N", minimum=5.0, maximum=500.0
    )
    trajectory_stop_time_s: float = parameter(
        0.15,
        "Time in which a cancelled trajectory is brought to rest along its path.",
        unit="s",
        minimum=0.02,
        maximum=2.0,
    )

    @model_validator(mode="after")
    def _stop_follows_hold(self) -> ControlSettings:
        if self.command_stop_after_s <= self.command_hold_after_s:
            raise ValueError(
                f"command_stop_after_s = {self.command_stop_after_s} s is not above command_hold_after_s = "
                f"{self.command_hold_after_s} s"
            )
        return self
