"""Parameters of the node `arm_controller`: the settings of the controller, and how the node runs it."""

from __future__ import annotations

from cablecell.core.config.control import ControlSettings
from cablecell.core.config.parameters import parameter


class ArmControllerParameters(ControlSettings):
    """Parameters of `arm_controller`."""

    autostart: bool = parameter(False, "Configure and activate as soon as the node is up.", read_only=True)
    hardware: str = parameter("sim", "Kind of machine that is controlled.", read_only=True)
    robot_file: str = parameter("", "File that describes a real robot: names, limits and response.", read_only=True)
    robot_ip: str = parameter("", "Address of a robot that is reached directly, without ROS.", read_only=True)
    recording: str = parameter("", "File of a recorded run that is played instead of a machine.", read_only=True)
    trials_file: str = parameter(
        "", "File of the trials that a simulated machine can show; empty is the sample of the cell.", read_only=True
    )
    trial: str = parameter(
        "trial_1", "Trial that a simulated machine starts with; empty is the first of the file.", read_only=True
    )
    seed: int = parameter(
        0, "Seed of every random error of a simulated machine.", minimum=0, maximum=4_294_967_295, read_only=True
    )
    zones_file: str = parameter(
        "", "File of zones in which people slow the arm down or stop it; empty: there are none.", read_only=True
    )
    state_rate_hz: float = parameter(
        250.0, "Rate of `controller_state`, `wrench` and `wrench_raw`.", unit="Hz", minimum=1.0, maximum=2000.0
    )
    joint_rate_hz: float = parameter(100.0, "Rate of `joint_states`.", unit="Hz", minimum=1.0, maximum=500.0)
    tf_rate_hz: float = parameter(50.0, "Rate of `tf`.", unit="Hz", minimum=1.0, maximum=500.0)
    scene_rate_hz: float = parameter(
        20.0, "Rate of `/sim/scene_state` and `/sim/truth`.", unit="Hz", minimum=1.0, maximum=100.0
    )
    diagnostics_rate_hz: float = parameter(2.0, "Rate of `diagnostics`.", unit="Hz", minimum=0.1, maximum=50.0)
    heartbeat_timeout_s: float = parameter(
        0.4,
        "Silence of `cell/heartbeat`, once it was heard, after which the arm stops; 0 needs no heartbeat.",
        unit="s",
        minimum=0.0,
        maximum=10.0,
    )
    lag_limit_s: float = parameter(
        0.03,
        "How far the machine may lag behind the clock; what is beyond is given up, and its time runs slower.",
        unit="s",
        minimum=0.002,
        maximum=1.0,
    )
    realtime_priority: int = parameter(
        10,
        "Priority of the process as first in, first out, while active; 0, or where it is not allowed: as any other.",
        minimum=0,
        maximum=90,
    )
    tare_time_s: float = parameter(
        0.128, "Time over which a tare averages the force sensor.", unit="s", minimum=0.04, maximum=2.0
    )
    wrench_gain_error: float = parameter(
        0.01,
        "Relative error of the gain of an axis of the force sensor (1 sigma): how well a mass can be identified.",
        minimum=0.0,
        maximum=0.2,
    )
    wrench_record: str = parameter(
        "", "Folder of calibration records whose `wrench` says bias and payload; empty: as designed.", read_only=True
    )
    cell_id: str = parameter("sim-0", "Name of this cell, which its calibration records must carry.", read_only=True)
    wrench_disagreement_n: float = parameter(
        0.65,
        "Force by which force sensor and joint torques may disagree in a guarded motion of an arm that is told "
        "torques; an arm with friction in its joints needs more.",
        unit="N",
        minimum=0.05,
        maximum=100.0,
    )
    wrench_disagreement_nm: float = parameter(0.25, "Likewise the torque.", unit="N·m", minimum=0.005, maximum=20.0)
    wrench_cutoff_hz: float = parameter(60.0, "Low-pass of the contact wrench.", unit="Hz", minimum=1.0, maximum=250.0)
    gripper_force_n: float = parameter(
        60.0, "Grip force where a goal asks for none.", unit="N", minimum=1.0, maximum=130.0
    )
