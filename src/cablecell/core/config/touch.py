"""Settings of relocalisation by touch: what does not follow from the connector."""

from __future__ import annotations

from typing import Any

from cablecell.core.config.parameters import ParameterSchema, parameter


def _push(default: float, description: str) -> Any:
    return parameter(default, description, unit="N", minimum=0.5, maximum=6.0)


def _error(default: float, description: str) -> Any:
    return parameter(default, description, unit="m", minimum=1e-6, maximum=0.001)


def _reach(default: float, description: str) -> Any:
    return parameter(default, description, unit="m", minimum=0.0005, maximum=0.02)


def _slide(default: float, description: str) -> Any:
    return parameter(default, description, unit="m/s", minimum=0.002, maximum=0.1)


class TouchSettings(ParameterSchema):
    """Speeds, forces, errors and limits of a touch sequence. Values measured in rollouts, docs/contact.md."""

    needed_above_m: float = parameter(
        0.0015,
        "Standard deviation of a port from which it is found by touch before an insertion.",
        unit="m",
        minimum=0.0001,
        maximum=0.02,
    )
    believed_within_m: float = _reach(
        0.0035, "Largest standard deviation in any direction of a port that is looked for by touch; 2.9 mm is 5 mm off."
    )
    contradicted_sigma_m: float = _reach(
        0.003, "Standard deviation of each coordinate of a port that was not found where it was seen."
    )
    contradicted_sigma_rad: float = parameter(0.02, "Likewise of each angle.", unit="rad", minimum=0.001, maximum=0.2)
    time_limit_s: float = parameter(12.0, "Longest time from start to result.", unit="s", minimum=1.0, maximum=60.0)
    touch_limit: int = parameter(8, "Most touches before the sequence gives up.", minimum=3, maximum=40)
    position_goal_m: float = parameter(
        0.0001, "Standard deviation of each coordinate that is good enough.", unit="m", minimum=2.0e-5, maximum=0.002
    )
    rotation_goal_rad: float = parameter(0.0087, "Likewise of each angle.", unit="rad", minimum=0.001, maximum=0.1)
    tare_time_s: float = parameter(
        0.1, "Time over which the free wrench is averaged.", unit="s", minimum=0.02, maximum=2.0
    )
    guarded_speed: float = parameter(
        0.013, "Speed of guarded moves; impact costs 0.2 to 0.3 N per mm/s.", unit="m/s", minimum=0.002, maximum=0.05
    )
    enter_speed: float = parameter(0.05, "Speed into the opening.", unit="m/s", minimum=0.002, maximum=0.08)
    free_speed: float = parameter(0.12, "Highest speed of moves in the air.", unit="m/s", minimum=0.01, maximum=0.3)
    free_acceleration: float = parameter(
        1.8, "Highest acceleration of moves in the air.", unit="m/s^2", minimum=0.1, maximum=5.0
    )
    free_turn: float = parameter(1.45, "Highest angular speed.", unit="rad/s", minimum=0.1, maximum=2.0)
    contact_force_n: float = parameter(0.7, "Force that counts as a touch.", unit="N", minimum=0.3, maximum=4.0)
    press_force_n: float = _push(2.0, "Force at which a touch is measured.")
    force_limit_n: float = parameter(
        9.5, "Force at which the sequence gives up and retreats.", unit="N", minimum=2.0, maximum=30.0
    )
    settle_s: float = parameter(0.05, "Rest before a touch is measured.", unit="s", minimum=0.0, maximum=1.0)
    measure_s: float = parameter(0.04, "Time over which it is averaged.", unit="s", minimum=0.004, maximum=1.0)
    search_force_n: float = _push(3.0, "Push on the land while the opening is felt for.")
    search_speed: float = _slide(0.02, "Speed of that.")
    search_radius_m: float = parameter(0.0055, "How far from the first landing.", unit="m", minimum=0.001, maximum=0.02)
    sink_force_n: float = _push(3.0, "Push with which a corner goes down on its way to the walls.")
    slide_speed: float = _slide(0.018, "Speed towards a corner of the opening.")
    corner_force_n: float = _push(1.8, "Push on either wall of that corner.")
    enter_force_n: float = parameter(5.0, "Push into the opening.", unit="N", minimum=0.5, maximum=8.0)
    lean_force_n: float = parameter(
        3.0, "Push on each of the two sides that a plug in the port is leaned on.", unit="N", minimum=0.5, maximum=6.5
    )
    lean_speed: float = parameter(0.009, "Speed towards these sides.", unit="m/s", minimum=0.001, maximum=0.05)
    follow_gain: float = parameter(
        5.0,
        "Turn of the target per moment of a plug in the opening that gives way.",
        unit="rad/(s*N*m)",
        minimum=0.5,
        maximum=60.0,
    )
    travel_stiffness: float = parameter(6000.0, "In moves through the air.", unit="N/m", minimum=200.0, maximum=20000.0)
    travel_rotation_stiffness: float = parameter(150.0, "Likewise.", unit="N*m/rad", minimum=1.0, maximum=500.0)
    stiffness: float = parameter(2500.0, "In touches.", unit="N/m", minimum=200.0, maximum=10000.0)
    rotation_stiffness: float = parameter(60.0, "Likewise.", unit="N*m/rad", minimum=1.0, maximum=300.0)
    soft_stiffness: float = parameter(
        800.0, "Across the insertion axis in the opening.", unit="N/m", minimum=50.0, maximum=5000.0
    )
    tilt_rad: float = parameter(
        0.27, "Tilt with which a corner feels for the opening.", unit="rad", minimum=0.05, maximum=0.4
    )
    dip_m: float = parameter(
        0.0015,
        "Depth of that corner below the land while it feels for walls, at most.",
        unit="m",
        minimum=1e-4,
        maximum=0.005,
    )
    lift_m: float = parameter(
        0.0025, "Height above the land in moves from one touch to the next.", unit="m", minimum=5e-4, maximum=0.02
    )
    grasp_stiffness: float = parameter(
        40000.0, "Of gripper and plug in series.", unit="N/m", minimum=1000.0, maximum=1e6
    )
    grasp_rotation_stiffness: float = parameter(
        30.0, "Likewise in rotation.", unit="N*m/rad", minimum=1.0, maximum=1000.0
    )
    touch_sigma_m: float = _error(2.8e-5, "Error of where a plug leans on a side: arm, give.")
    land_sigma_m: float = _error(4.0e-5, "Error of where it stands on the land.")
    corner_sigma_m: float = _error(
        7.0e-5,
        "Error of where a corner that leads stands between two walls: on their lead-ins that of its depth counts, too.",
    )
