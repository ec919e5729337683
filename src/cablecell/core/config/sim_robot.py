"""Parameters of the node `sim_robot`: the simulated arm as a plain ros2_control robot, or as a UR controller."""

from __future__ import annotations

from cablecell.core.config.parameters import ParameterSchema, parameter


class SimRobotParameters(ParameterSchema):
    """Parameters of `sim_robot`."""

    autostart: bool = parameter(False, "Configure and activate as soon as the node is up.", read_only=True)
    robot_file: str = parameter("", "File that describes the robot it plays: joints and topics.", read_only=True)
    rtde_address: str = parameter(
        "", "Address at which it is a UR controller; empty: a robot of ros2_control.", read_only=True
    )
    trials_file: str = parameter("", "File of the trials it can show; empty is the sample of the cell.", read_only=True)
    trial: str = parameter("trial_1", "Trial that it starts with.", read_only=True)
    seed: int = parameter(0, "Seed of every random error.", minimum=0, maximum=4_294_967_295, read_only=True)
    rate_hz: float = parameter(
        500.0, "Rate of the control loop, of joint states and of the wrench.", unit="Hz", minimum=50.0, maximum=2000.0
    )
    lag_limit_s: float = parameter(
        0.03,
        "How far the physics may lag behind the clock; what is beyond is given up, and its time runs slower.",
        unit="s",
        minimum=0.002,
        maximum=1.0,
    )
    lookahead_s: float = parameter(
        0.008, "Time over which the drives smooth set-points.", unit="s", minimum=0.0, maximum=0.2
    )
    delay_s: float = parameter(0.0, "Delay added to the link, each way.", unit="s", minimum=0.0, maximum=0.1)
    delay_jitter_s: float = parameter(0.0, "Largest deviation from that delay.", unit="s", minimum=0.0, maximum=0.1)
    loss: float = parameter(
        0.0, "Share of the messages that are lost; at a UR controller they come again later.", minimum=0.0, maximum=0.5
    )
    gripper_force_n: float = parameter(
        60.0, "Grip force where a goal asks for none.", unit="N", minimum=1.0, maximum=130.0
    )
    scene_rate_hz: float = parameter(
        20.0, "Rate of `/sim/scene_state` and `/sim/truth`.", unit="Hz", minimum=1.0, maximum=100.0
    )
    realtime_priority: int = parameter(
        10,
        "Priority of the process as first in, first out, while active; 0, or where it is not allowed: as any other.",
        minimum=0,
        maximum=90,
    )
