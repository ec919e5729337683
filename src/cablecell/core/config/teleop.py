"""Settings of teleoperation, and the parameters of the node `teleop`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from cablecell.core.config.parameters import ParameterSchema, parameter

REST_BUDGET_S = 0.45
"""Longest time from an operator's last sign of life until the target rests; the arm itself follows within 0.05 s."""


class TeleopSettings(ParameterSchema):
    """How far, how fast and how hard a person may move the arm."""

    linear_speed: float = parameter(
        0.1, "Highest speed of the target at full scale.", unit="m/s", minimum=0.001, maximum=0.25
    )
    linear_acceleration: float = parameter(
        1.0, "Highest acceleration of the target, braking included.", unit="m/s^2", minimum=0.05, maximum=2.0
    )
    angular_speed: float = parameter(
        0.4, "Highest angular speed of the target at full scale.", unit="rad/s", minimum=0.01, maximum=1.5
    )
    angular_acceleration: float = parameter(
        4.0, "Highest angular acceleration of the target.", unit="rad/s^2", minimum=0.1, maximum=12.0
    )
    speed_scale: float = parameter(
        0.25, "Share of the highest speeds that is used at the start; the menu changes it.", minimum=0.01, maximum=1.0
    )
    leash_m: float = parameter(
        0.02, "Farthest the target may be from the measured tcp.", unit="m", minimum=0.002, maximum=0.1
    )
    leash_rad: float = parameter(0.0873, "Likewise its angle, 5 degrees.", unit="rad", minimum=0.005, maximum=0.5)
    box_x_min_m: float = parameter(-0.7, "Workspace in `base_link`: lowest x.", unit="m", minimum=-2.0, maximum=2.0)
    box_x_max_m: float = parameter(-0.1, "Highest x.", unit="m", minimum=-2.0, maximum=2.0)
    box_y_min_m: float = parameter(-0.1, "Lowest y.", unit="m", minimum=-2.0, maximum=2.0)
    box_y_max_m: float = parameter(0.6, "Highest y.", unit="m", minimum=-2.0, maximum=2.0)
    box_z_min_m: float = parameter(0.05, "Lowest z.", unit="m", minimum=-2.0, maximum=2.0)
    box_z_max_m: float = parameter(0.6, "Highest z.", unit="m", minimum=-2.0, maximum=2.0)
    slow_force_n: float = parameter(
        8.0, "Contact force from which the target slows down.", unit="N", minimum=1.0, maximum=100.0
    )
    stop_force_n: float = parameter(
        20.0, "Contact force at which only motion away from it is left.", unit="N", minimum=2.0, maximum=100.0
    )
    slow_torque_nm: float = parameter(
        1.0, "Contact moment from which the target slows down.", unit="N*m", minimum=0.05, maximum=10.0
    )
    stop_torque_nm: float = parameter(
        2.5, "Contact moment at which only motion away from it is left.", unit="N*m", minimum=0.1, maximum=10.0
    )
    command_timeout_s: float = parameter(
        0.1, "Age of the last twist or pose at which the target brakes.", unit="s", minimum=0.02, maximum=0.3
    )
    marker_timeout_s: float = parameter(
        0.32,
        "Likewise of a held marker; RViz says every 0.25 s that the mouse is still held.",
        unit="s",
        minimum=0.26,
        maximum=0.4,
    )
    lease_s: float = parameter(
        0.5, "Silence after which who held control has lost it.", unit="s", minimum=0.3, maximum=2.0
    )
    command_age_limit_s: float = parameter(
        0.2, "Oldest stamp of a twist or pose that is accepted.", unit="s", minimum=0.02, maximum=1.0
    )
    command_ahead_limit_s: float = parameter(
        0.05, "How far a stamp may be ahead of the clock.", unit="s", minimum=0.0, maximum=1.0
    )
    state_age_limit_s: float = parameter(
        0.15, "Age of the arm's state or force at which teleoperation ends.", unit="s", minimum=0.02, maximum=1.0
    )

    assist: bool = parameter(False, "Whether the snap-to-port assist is on at the start; `~/assist` switches it.")
    assist_radius_m: float = parameter(
        0.015,
        "How far off the axis of a port the assist takes hold of the plug; a hand that pulls further has left it.",
        unit="m",
        minimum=0.003,
        maximum=0.05,
    )
    assist_height_m: float = parameter(
        0.06, "How far before the mouth of a port it does.", unit="m", minimum=0.01, maximum=0.2
    )
    assist_angle_rad: float = parameter(
        0.35, "By how much the plug may be turned then.", unit="rad", minimum=0.05, maximum=0.8
    )
    assist_sigma_m: float = parameter(
        0.0015,
        "Largest standard deviation across the axis of a port that is held to, relative to a plug that was seen.",
        unit="m",
        minimum=0.0001,
        maximum=0.01,
    )
    assist_sigma_rad: float = parameter(0.05, "Likewise of its direction.", unit="rad", minimum=0.002, maximum=0.3)
    assist_speed: float = parameter(
        0.02,
        "Highest speed across the axis of a port that is held to, and along it near the mouth.",
        unit="m/s",
        minimum=0.002,
        maximum=0.1,
    )
    assist_angular_speed: float = parameter(0.15, "Likewise of the turn.", unit="rad/s", minimum=0.01, maximum=0.5)

    @model_validator(mode="after")
    def _limits_fit_together(self) -> TeleopSettings:
        for axis in "xyz":
            low, high = getattr(self, f"box_{axis}_min_m"), getattr(self, f"box_{axis}_max_m")
            if high - low < 0.01:
                raise ValueError(f"box_{axis}_max_m = {high} m is not 0.01 m above box_{axis}_min_m = {low} m")
        for name, unit in (("force_n", "N"), ("torque_nm", "N*m")):
            slow, stop = getattr(self, f"slow_{name}"), getattr(self, f"stop_{name}")
            if stop <= slow:
                raise ValueError(f"stop_{name} = {stop} {unit} is not above slow_{name} = {slow} {unit}")
        braking_s = max(self.linear_speed / self.linear_acceleration, self.angular_speed / self.angular_acceleration)
        rest_s = self.marker_timeout_s + braking_s
        if rest_s > REST_BUDGET_S:
            raise ValueError(
                f"marker_timeout_s plus the time to brake from full speed is {rest_s:.3f} s, above {REST_BUDGET_S} s; "
                "lower the speeds or raise the accelerations"
            )
        return self


class TeleopParameters(TeleopSettings):
    """Parameters of `teleop`."""

    autostart: bool = parameter(False, "Configure and activate as soon as the node is up.", read_only=True)
    supervised: bool = parameter(
        True, "Ask the supervisor for the arm; false is for an arm that has no supervisor.", read_only=True
    )
    publish_rate_hz: float = parameter(
        100.0, "Rate of the targets that are sent to the arm.", unit="Hz", minimum=25.0, maximum=250.0
    )
    marker_rate_hz: float = parameter(
        10.0, "Highest rate at which the marker follows the tool.", unit="Hz", minimum=1.0, maximum=50.0
    )
    status_rate_hz: float = parameter(5.0, "Rate of the status and diagnostics.", unit="Hz", minimum=0.5, maximum=50.0)
    marker_scale_m: float = parameter(0.15, "Size of the marker.", unit="m", minimum=0.02, maximum=2.0)
    command_in_type: Literal["unitless", "speed_units"] = Field(
        default="unitless",
        description="Twists are shares of the chosen speed in [-1, 1] (`unitless`), or m/s and rad/s (`speed_units`).",
        json_schema_extra={"unit": "", "read_only": False},
    )
    stiffness: float = parameter(
        2000.0, "Stiffness with which the arm follows.", unit="N/m", minimum=100.0, maximum=5000.0
    )
    rotation_stiffness: float = parameter(100.0, "Likewise in rotation.", unit="N*m/rad", minimum=1.0, maximum=300.0)
    assist_stiffness: float = parameter(
        800.0,
        "Stiffness across the axis at the tip of a plug that the assist holds to a port, at its mouth and below.",
        unit="N/m",
        minimum=50.0,
        maximum=5000.0,
    )
    assist_rotation_stiffness: float = parameter(
        5.0, "Likewise in rotation.", unit="N*m/rad", minimum=0.5, maximum=300.0
    )
    assist_age_limit_s: float = parameter(
        300.0, "Age of an estimate from which the assist does not hold to it.", unit="s", minimum=1.0, maximum=3600.0
    )
    consent_limit_s: float = parameter(
        1.0, "Longest time for the supervisor to answer.", unit="s", minimum=0.1, maximum=10.0
    )
    realtime_priority: int = parameter(
        5,
        "Real-time priority of the process while active, so that targets are in time; 0 is none.",
        minimum=0,
        maximum=90,
    )
