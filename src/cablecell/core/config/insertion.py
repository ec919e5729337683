"""Settings of the insertion skill: what does not follow from the connector."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from cablecell.core.config.parameters import ParameterSchema, parameter


class InsertionSettings(ParameterSchema):
    """Speeds, gains, thresholds and times of the skill. Numbers measured in the project's insertion pilot study."""

    time_limit_s: float = parameter(
        30.0, "Longest time from start to result, retreat excluded.", unit="s", minimum=1.0, maximum=600.0
    )
    force_abort_n: float = parameter(
        25.0,
        "Contact force at which the skill gives up, unless the connector allows less.",
        unit="N",
        minimum=5.0,
        maximum=200.0,
    )
    estimate_age_limit_s: float = parameter(
        30.0, "Oldest port estimate the skill starts a contact with.", unit="s", minimum=0.05, maximum=600.0
    )
    position_sigma_limit_m: float = parameter(
        0.004, "Largest standard deviation of the port the skill searches for.", unit="m", minimum=0.0001, maximum=0.02
    )
    settle_speed: float = parameter(
        0.004, "Tip speed below which the arm counts as at rest.", unit="m/s", minimum=0.0001, maximum=0.1
    )
    tare_time_s: float = parameter(
        0.1, "Time over which the free-space wrench is averaged.", unit="s", minimum=0.02, maximum=5.0
    )
    approach_speed: float = parameter(
        0.15, "Speed in free space between staging and the guarded move.", unit="m/s", minimum=0.005, maximum=0.5
    )
    approach_acceleration: float = parameter(0.8, "Acceleration there.", unit="m/s^2", minimum=0.05, maximum=5.0)
    contact_speed: float = parameter(
        0.02, "Speed of the guarded move; impact costs 0.2 to 0.3 N per mm/s.", unit="m/s", minimum=0.001, maximum=0.1
    )
    contact_margin_m: float = parameter(
        0.002,
        "Guarded distance beyond three sigma on both sides of the believed entrance.",
        unit="m",
        minimum=0.0,
        maximum=0.02,
    )
    contact_force_n: float = parameter(1.5, "Axial force that counts as contact.", unit="N", minimum=0.3, maximum=10.0)
    stiffness_approach: float = parameter(
        2500.0, "Translational stiffness in free space.", unit="N/m", minimum=100.0, maximum=10000.0
    )
    stiffness_search: float = parameter(
        8000.0,
        "Lateral stiffness while searching: friction lags the tip by mu F / K.",
        unit="N/m",
        minimum=500.0,
        maximum=20000.0,
    )
    stiffness_insert: float = parameter(
        800.0, "Lateral stiffness in the hole.", unit="N/m", minimum=50.0, maximum=5000.0
    )
    rotation_stiffness_free: float = parameter(
        60.0, "Rotational stiffness in free space and search.", unit="N*m/rad", minimum=1.0, maximum=300.0
    )
    rotation_stiffness_limits: Annotated[tuple[float, float], Field(strict=False)] = parameter(
        (1.0, 3.0), "Lowest and highest tilt stiffness in the hole; the jam rule chooses.", unit="N*m/rad"
    )
    yaw_stiffness_limits: Annotated[tuple[float, float], Field(strict=False)] = parameter(
        (0.5, 3.0), "Lowest and highest yaw stiffness in the hole; the rim rule chooses.", unit="N*m/rad"
    )
    tilt_stiffness_rim: float = parameter(
        6.0,
        "Tilt stiffness at the rim, where a single edge carries the plug and would tilt it further.",
        unit="N*m/rad",
        minimum=0.5,
        maximum=300.0,
    )
    rotation_damping: float = parameter(
        3.0,
        "Added in the hole, where the arm turns on the spring of the grasp, stiffer than its own.",
        unit="N*m*s/rad",
        minimum=0.0,
        maximum=50.0,
    )
    search_force_n: float = parameter(5.0, "Push while searching.", unit="N", minimum=1.0, maximum=20.0)
    search_speed: float = parameter(
        0.03,
        "Highest speed along the spiral; the drop time of the plug may lower it.",
        unit="m/s",
        minimum=0.001,
        maximum=0.1,
    )
    search_acceleration: float = parameter(
        0.6, "Highest centripetal acceleration on the spiral.", unit="m/s^2", minimum=0.05, maximum=10.0
    )
    search_tours: int = parameter(3, "Spirals before the search is exhausted.", minimum=1, maximum=10)
    search_pitch_factor: float = parameter(
        0.7,
        "Pitch of each tour relative to the one before: an identical tour fails identically.",
        minimum=0.3,
        maximum=0.95,
    )
    search_radius_factor: float = parameter(
        1.3, "Radius of each tour relative to the one before: the first covers 95 %.", minimum=1.0, maximum=3.0
    )
    insert_force_n: float = parameter(
        10.0, "Push in the hole, raised by the jam rule up to the limit.", unit="N", minimum=2.0, maximum=40.0
    )
    insert_force_limit_n: float = parameter(
        14.0, "Highest push the jam rule may choose.", unit="N", minimum=2.0, maximum=60.0
    )
    insert_speed: float = parameter(0.04, "Free speed in the hole.", unit="m/s", minimum=0.002, maximum=0.1)
    seat_speed: float = parameter(
        0.01, "Free speed over the last millimetres.", unit="m/s", minimum=0.001, maximum=0.05
    )
    seat_zone_m: float = parameter(
        0.003, "Distance before the stop at which seating begins.", unit="m", minimum=0.0005, maximum=0.02
    )
    seat_ramp: float = parameter(40.0, "Rise of the seating force.", unit="N/s", minimum=1.0, maximum=500.0)
    seat_force_limit_n: float = parameter(
        16.0,
        "Highest seating push, unless the connector's latch is allowed more.",
        unit="N",
        minimum=2.0,
        maximum=100.0,
    )
    lateral_gain: float = parameter(
        0.002, "Motion of the lateral target per force.", unit="m/(s*N)", minimum=0.0, maximum=0.02
    )
    follow_time_constant_s: float = parameter(
        0.03, "Time constant of the force that is followed.", unit="s", minimum=0.001, maximum=0.5
    )
    force_dead_band_n: float = parameter(0.5, "Lateral force that is not followed.", unit="N", minimum=0.0, maximum=5.0)
    false_catch_s: float = parameter(
        0.7, "Time in which a catch must turn into depth.", unit="s", minimum=0.1, maximum=5.0
    )
    stuck_catch_s: float = parameter(
        0.2,
        "Time without progress after which a catch that has not entered is taken to be false.",
        unit="s",
        minimum=0.02,
        maximum=5.0,
    )
    stall_s: float = parameter(
        0.4,
        "Time without a tenth of a millimetre of progress that counts as a stall.",
        unit="s",
        minimum=0.05,
        maximum=5.0,
    )
    stall_limit: int = parameter(6, "Stalls before the skill searches again or gives up.", minimum=1, maximum=50)
    seat_attempts: int = parameter(4, "Seating ramps before the skill gives up.", minimum=1, maximum=20)
    grasp_stiffness: float = parameter(
        40000.0, "Of gripper and plug in series.", unit="N/m", minimum=1000.0, maximum=1e6
    )
    port_stiffness: float = parameter(
        20000.0,
        "Least stiffness of what a port is fixed to that is reckoned with; a circuit board has 20000 to 100000.",
        unit="N/m",
        minimum=5000.0,
        maximum=1e9,
    )
    pull_test_share: float = parameter(
        0.4, "Pull that proves the latch, relative to its retention force.", minimum=0.1, maximum=0.8
    )
    pull_test_limit_n: float = parameter(10.0, "Highest pull of that test.", unit="N", minimum=1.0, maximum=100.0)
    hold_s: float = parameter(
        1.3, "Time a proven seat is kept pressed before it is reported.", unit="s", minimum=0.0, maximum=10.0
    )
    hold_push_n: float = parameter(10.0, "Push with which a seat is held.", unit="N", minimum=0.5, maximum=20.0)
    retreat_distance_m: float = parameter(
        0.03,
        "Where the tip ends in front of the believed entrance after a failure or a release.",
        unit="m",
        minimum=0.005,
        maximum=0.2,
    )
    retreat_speed: float = parameter(0.08, "Speed of the retreat.", unit="m/s", minimum=0.005, maximum=0.3)
    retreat_force_n: float = parameter(12.0, "Highest pull of a retreat.", unit="N", minimum=1.0, maximum=60.0)
    retreat_limit_s: float = parameter(4.0, "Longest time of a retreat.", unit="s", minimum=0.5, maximum=30.0)
    release_when_seated: bool = parameter(False, "Open the gripper and move away after a proven seat.")

    @model_validator(mode="after")
    def _pairs_are_in_order(self) -> InsertionSettings:
        for name in ("rotation_stiffness_limits", "yaw_stiffness_limits"):
            low, high = getattr(self, name)
            if not 0.0 < low <= high:
                raise ValueError(f"{name} = ({low}, {high}) N*m/rad must be positive and in order")
        if self.insert_force_limit_n < self.insert_force_n:
            raise ValueError(
                f"insert_force_limit_n = {self.insert_force_limit_n} N is below insert_force_n = "
                f"{self.insert_force_n} N"
            )
        return self

    def most_give_m(self, force_n: float) -> float:
        """Return by how much grasp and port together may give way to a force, N; in m."""
        return force_n / self.grasp_stiffness + force_n / self.port_stiffness
