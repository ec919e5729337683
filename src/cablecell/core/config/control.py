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
    smoothing_time_s: float = parameter(
        0.02,
        "Time over which what is followed is smoothed: jerk is at most twice the acceleration divided by it.",
        unit="s",
        minimum=0.002,
        maximum=0.2,
    )
    stop_acceleration: float = parameter(
        4.0, "Deceleration of a Cartesian reference whose source has died.", unit="m/s^2", minimum=0.01, maximum=40.0
    )
    stop_angular_acceleration: float = parameter(
        24.0, "Likewise of its rotation.", unit="rad/s^2", minimum=0.1, maximum=200.0
    )
    workspace_reach_m: float = parameter(
        1.5, "Distance from `base_link` beyond which a commanded pose is refused.", unit="m", minimum=0.1, maximum=10.0
    )
    force_limit_n: float = parameter(
        40.0, "Highest norm of the commanded force at the compliance frame.", unit="N", minimum=1.0, maximum=150.0
    )
    torque_limit_nm: float = parameter(
        8.0, "Highest norm of the commanded moment at the compliance frame.", unit="N*m", minimum=0.1, maximum=30.0
    )
    power_limit_w: float = parameter(
        300.0,
        "Highest mechanical power that a torque-controlled arm gives, beyond carrying its weight.",
        unit="W",
        minimum=1.0,
        maximum=5000.0,
    )
    feedforward_force_rate: float = parameter(
        500.0, "Fastest change of a feed-forward force.", unit="N/s", minimum=1.0, maximum=5000.0
    )
    feedforward_torque_rate: float = parameter(
        25.0, "Fastest change of a feed-forward moment.", unit="N*m/s", minimum=0.1, maximum=500.0
    )
    force_loop_rate: float = parameter(
        8.0, "Integral gain of a force set-point, per unit of its feedback gain.", unit="1/s", minimum=0.0, maximum=50.0
    )
    force_correction_limit_n: float = parameter(
        5.0, "Most that the loop adds to a force set-point.", unit="N", minimum=0.0, maximum=50.0
    )
    moment_correction_limit_nm: float = parameter(0.5, "Likewise to a moment.", unit="N*m", minimum=0.0, maximum=10.0)
    force_speed_limit: float = parameter(
        0.05,
        "Speed at which an axis with a force set-point moves where it meets nothing.",
        unit="m/s",
        minimum=0.001,
        maximum=0.5,
    )
    force_angular_speed_limit: float = parameter(
        0.5, "Likewise of a rotation.", unit="rad/s", minimum=0.01, maximum=3.0
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
    joint_stop_acceleration: float = parameter(
        15.0,
        "Highest deceleration of the joints of a torque-controlled arm whose source has died in free air.",
        unit="rad/s^2",
        minimum=0.1,
        maximum=200.0,
    )
    touching_force_n: float = parameter(
        3.0,
        "Measured force above which a tool is in something: what nobody commands slows down before it is braked.",
        unit="N",
        minimum=0.1,
        maximum=100.0,
    )
    joint_reference_acceleration: float = parameter(
        10.0, "Highest acceleration of streamed joint targets.", unit="rad/s^2", minimum=0.1, maximum=200.0
    )
    command_hold_after_s: float = parameter(
        0.1,
        "Age of the last streamed command at which the arm comes to rest, however slow the stream was.",
        unit="s",
        minimum=0.004,
        maximum=3600.0,
    )
    command_hold_least_s: float = parameter(
        0.06,
        "Age at which it does when commands came so often that three in a row are missing before.",
        unit="s",
        minimum=0.004,
        maximum=3600.0,
    )
    command_stop_after_s: float = parameter(
        0.5,
        "Age of the last streamed command at which the arm stops with a fault.",
        unit="s",
        minimum=0.01,
        maximum=7200.0,
    )
    command_age_limit_s: float = parameter(0.2, "Oldest stamp that is accepted.", unit="s", minimum=0.005, maximum=5.0)
    command_ahead_limit_s: float = parameter(
        0.05, "How far a stamp may be ahead of the clock.", unit="s", minimum=0.0, maximum=1.0
    )
    contact_force_limit_n: float = parameter(
        60.0, "Measured force at which the controller stops the arm.", unit="N", minimum=5.0, maximum=500.0
    )
    collision_bandwidth: float = parameter(
        40.0,
        "Bandwidth with which torques on a torque-controlled arm are estimated.",
        unit="rad/s",
        minimum=1.0,
        maximum=200.0,
    )
    collision_torque_share: float = parameter(
        0.06,
        "Share of a joint's effort limit that may push it unexplained; above it the arm stops.",
        minimum=0.01,
        maximum=1.0,
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
