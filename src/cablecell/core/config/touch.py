"""Settings of relocalisation by touch: what does not follow from the connector."""

from __future__ import annotations

from cablecell.core.config.parameters import ParameterSchema, parameter


class TouchSettings(ParameterSchema):
    """Speeds, forces, errors and limits of a touch sequence. Values measured in rollouts, docs/contact.md."""

    time_limit_s: float = parameter(12.0, "Longest time from start to result.", unit="s", minimum=1.0, maximum=60.0)
    touch_limit: int = parameter(10, "Most touches before the sequence gives up.", minimum=3, maximum=40)
    position_goal_m: float = parameter(
        0.0001, "Standard deviation of each coordinate that is good enough.", unit="m", minimum=2.0e-5, maximum=0.002
    )
    rotation_goal_rad: float = parameter(0.0087, "Likewise of each angle.", unit="rad", minimum=0.001, maximum=0.1)
    particles: int = parameter(300, "Particles of the filter.", minimum=100, maximum=5000)
    moves: int = parameter(5, "Metropolis steps after each step of the weight.", minimum=1, maximum=30)
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
    press_force_n: float = parameter(2.0, "Force at which a touch is measured.", unit="N", minimum=0.5, maximum=6.0)
    flush_force_n: float = parameter(3.5, "Force at which faces are aligned.", unit="N", minimum=0.5, maximum=7.0)
    force_limit_n: float = parameter(
        9.5, "Force at which the sequence gives up and retreats.", unit="N", minimum=2.0, maximum=30.0
    )
    settle_s: float = parameter(0.05, "Rest before a touch is measured.", unit="s", minimum=0.0, maximum=1.0)
    measure_s: float = parameter(0.04, "Time over which it is averaged.", unit="s", minimum=0.004, maximum=1.0)
    flush_s: float = parameter(0.42, "Time in which faces align.", unit="s", minimum=0.05, maximum=2.0)
    flush_gain: float = parameter(
        5.0, "Turn of the target per moment while faces align.", unit="rad/(s*N*m)", minimum=0.5, maximum=60.0
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
        0.00085, "Depth of that corner below the land while it feels for walls.", unit="m", minimum=1e-4, maximum=0.005
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
    touch_sigma_m: float = parameter(
        5.0e-5, "Error of where a plug touches: arm, rounded edges, give.", unit="m", minimum=1e-6, maximum=0.001
    )
    flush_sigma_rad: float = parameter(
        0.005, "Error of each angle of aligned faces.", unit="rad", minimum=1e-4, maximum=0.05
    )
    moment_sigma_nm: float = parameter(
        0.012, "Error of a measured moment at the tip.", unit="N*m", minimum=1e-4, maximum=0.2
    )
    floor_m: float = parameter(
        2.5e-5, "Error that all touches of a run have in common.", unit="m", minimum=0.0, maximum=0.001
    )
    floor_rad: float = parameter(0.002, "Likewise.", unit="rad", minimum=0.0, maximum=0.05)
