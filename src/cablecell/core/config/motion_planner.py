"""Parameters of the node `motion_planner`."""

from __future__ import annotations

from typing import Literal

from cablecell.core.config.parameters import ParameterSchema, parameter
from cablecell.core.config.trial import JOINT_NAMES


class MotionPlannerParameters(ParameterSchema):
    """Parameters of `motion_planner`."""

    autostart: bool = parameter(False, "Configure and activate as soon as the node is up.", read_only=True)
    layout_file: str = parameter("", "Trial file with the designed layouts; empty means the sample trials.")
    layout: str = parameter("trial_1", "Layout that stands in the cell after configuration.")
    description_file: str = parameter(
        "", "URDF file of another arm, with the frames base_link and tcp. Empty: the arm of the cell."
    )
    joint_names: list[str] = parameter(
        list(JOINT_NAMES), "Joints of the arm from base to tool; of another arm six or more revolute ones."
    )
    robot_file: str = parameter(
        "", "File that describes the robot; its joint speeds bound every motion. Empty: the description's alone."
    )
    assume_held: bool = parameter(True, "The plug of the layout is held until `cell/held_plug` says something else.")
    named_targets: list[str] = parameter(
        ["home: -0.1597, -1.3542, -1.6648, -1.6933, 1.5710, 1.4110"],
        "Joint positions goals may name, each `name: q1, q2, …` in rad; `home` is there whatever this says.",
    )
    margin_m: float = parameter(
        0.003, "Smallest distance to everything that must not be touched.", unit="m", minimum=0.0, maximum=0.1
    )
    unseen_margin_m: float = parameter(
        0.02, "Growth of a board that was not seen yet, on all sides.", unit="m", minimum=0.0, maximum=0.2
    )
    velocity_rad_per_s: float = parameter(2.0, "Joint speed at full scale.", unit="rad/s", minimum=0.01, maximum=3.1)
    acceleration_rad_per_s2: float = parameter(
        6.0, "Joint acceleration at full scale.", unit="rad/s^2", minimum=0.01, maximum=50.0
    )
    jerk_rad_per_s3: float = parameter(60.0, "Joint jerk at full scale.", unit="rad/s^3", minimum=0.1, maximum=5000.0)
    line_velocity_m_per_s: float = parameter(
        0.25, "Speed of the tool on a straight line at full scale.", unit="m/s", minimum=0.001, maximum=2.0
    )
    line_acceleration_m_per_s2: float = parameter(
        1.0, "Acceleration of the tool on a straight line at full scale.", unit="m/s^2", minimum=0.01, maximum=20.0
    )
    line_jerk_m_per_s3: float = parameter(
        10.0, "Jerk of the tool on a straight line at full scale.", unit="m/s^3", minimum=0.1, maximum=1000.0
    )
    planner_backend: Literal["ompl", "compiled"] = parameter(
        "ompl", "Sampling planner that is asked first; the other one is the fallback."
    )
    planning_budget_s: float = parameter(
        2.0, "Time the sampling planner may take for one attempt.", unit="s", minimum=0.05, maximum=60.0
    )
    planning_attempts: int = parameter(
        2, "Most attempts of the sampling planner, each with its own seed.", minimum=1, maximum=20
    )
    seed: int = parameter(1, "Seed of the first attempt.", minimum=0, maximum=1_000_000)
    state_timeout_s: float = parameter(
        1.0, "Longest wait for, and largest age of, measured joint positions.", unit="s", minimum=0.02, maximum=30.0
    )
    rest_velocity_rad_per_s: float = parameter(
        0.02, "Joint speed up to which the arm counts as at rest.", unit="rad/s", minimum=1e-5, maximum=1.0
    )
    controller_timeout_s: float = parameter(
        3.0,
        "Longest wait for the controller to be there, to take a trajectory, or to come to rest after a cancel.",
        unit="s",
        minimum=0.1,
        maximum=60.0,
    )
    overrun_s: float = parameter(
        5.0,
        "How much longer than planned a trajectory may take before it is cancelled.",
        unit="s",
        minimum=0.1,
        maximum=600.0,
    )
