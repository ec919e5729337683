"""A recording of a cell as a backend of `arm_controller`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cablecell.composition.machines import Backend, MachineOptions, contact_loop
from cablecell.composition.mock_backend import DESCRIBED_TOOL
from cablecell.composition.robot_description import load_robot_description
from cablecell.core.config.trial import JOINT_NAMES
from cablecell.core.control.modes import preferred_mode
from cablecell.core.control.robot_arm import RobotArm
from cablecell.core.errors import ConfigurationError
from cablecell.core.fusion.wrench import Payload
from cablecell.core.geometry import Array
from cablecell.core.motion.model import RobotModel
from cablecell.hardware.replay import STATE_AGE_LIMIT_S, RecordedMachine, ReplayMachine
from cablecell.records.errors import RecordingError
from cablecell.records.reading import joint_values, leading_numbers, read_messages

JOINTS, WRENCH = "/joint_states", "/wrench_raw"
"""Ends of the names of the topics that are read, in whatever namespace they were."""

FINGER = "left_finger_joint"
_WIDTH_PER_POSITION = 2.0
_KEPT_S = 0.01
"""What is left of a silence that is left out."""


def make_replay(options: MachineOptions) -> Backend:
    """Return the machine of `options.recording`, not yet connected.

    Raises:
        ConfigurationError: No file is named (family 900).
        RecordingError: It cannot be read, or lacks joint states or wrenches of this arm (code 934).
    """
    if not options.recording:
        raise ConfigurationError(
            "recording is empty; hardware 'replay' needs the recording that is played",
            quantity="recording",
            limit="a file",
        )
    machine = ReplayMachine(read_machine(Path(options.recording).expanduser()), JOINT_NAMES)
    robot = RobotModel(load_robot_description(with_enclosure=False))
    tool_frames = {name: robot.relative_pose("tcp", name) for name in ("tcp", "tool0", "ft_frame")}
    X_tcp_ft = tool_frames["ft_frame"]
    centre_ft = X_tcp_ft[:3, :3].T @ (np.array(DESCRIBED_TOOL.centre_m) - X_tcp_ft[:3, 3])
    tool = Payload(DESCRIBED_TOOL.mass_kg, centre_ft)
    return Backend(
        machine=machine,
        model=RobotArm(robot, rotor_inertia=np.zeros(len(JOINT_NAMES))),
        command_mode=preferred_mode(machine.arm.command_modes),
        contact_loop=contact_loop(machine.arm, DESCRIBED_TOOL),
        tool_frames=tool_frames,
        description=load_robot_description(),
        tool_payload=tool,
        payload=lambda: tool,
        set_arm_payload=lambda mass, centre: None,
    )


def read_machine(path: Path) -> RecordedMachine:
    """Return joints, fingers and raw wrench of a recording, from when both are there, without its silences.

    Raises:
        RecordingError: It cannot be read, or lacks one of them (code 934).
    """
    joints: list[list[float]] = []
    wrenches: list[list[float]] = []
    names = [*JOINT_NAMES, FINGER]
    for message in read_messages(path):
        if message.topic.endswith(JOINTS):
            stamp_s, values = joint_values(message.data)
            if all(name in values for name in names):
                joints.append([stamp_s, *np.array([values[name] for name in names]).T.ravel()])
        elif message.topic.endswith(WRENCH):
            stamp_s, numbers = leading_numbers(message.data, 6)
            wrenches.append([stamp_s, *numbers])
    for table, what in ((joints, f"joint states of {', '.join(names)}"), (wrenches, f"wrenches on …{WRENCH}")):
        if len(table) < 2:
            raise RecordingError(f"{path} holds no {what}: it cannot be played", quantity="path", value=path)
    states, felt = _in_order(joints), _in_order(wrenches)
    begin_s = max(states[0, 0], felt[0, 0])
    states, felt = states[states[:, 0] >= begin_s], felt[felt[:, 0] >= begin_s]
    if len(states) < 2 or len(felt) < 2:
        raise RecordingError(f"{path} holds joint states and wrenches, but never both", quantity="path", value=path)
    silences = _silences(states[:, 0], felt[:, 0])
    states, felt = _without(states, silences), _without(felt, silences)
    k = len(names)
    q, dq, tau = (states[:, 1 + i * k : 1 + (i + 1) * k] for i in range(3))
    return RecordedMachine(
        source=f"recording {path.name}",
        joints_t_s=states[:, 0] - begin_s,
        q=q[:, :-1],
        dq=dq[:, :-1],
        tau=tau[:, :-1],
        width_m=q[:, -1] * _WIDTH_PER_POSITION,
        grip_n=tau[:, -1],
        wrench_t_s=felt[:, 0] - begin_s,
        wrench=felt[:, 1:],
    )


def _silences(*times_s: Array) -> Array:
    """Return begin and end of each time in which one of some series is silent, shape (k, 2), none touching another."""
    found: list[list[float]] = []
    for series in times_s:
        long = np.flatnonzero(np.diff(series) > STATE_AGE_LIMIT_S)
        found.extend([float(series[i]) + _KEPT_S, float(series[i + 1])] for i in long)
    joined: list[list[float]] = []
    for begin, end in sorted(found):
        if joined and begin <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], end)
        else:
            joined.append([begin, end])
    return np.array(joined).reshape(-1, 2)


def _without(rows: Array, silences: Array) -> Array:
    """Return rows that begin with a time without those of the silences, the later ones as much earlier."""
    t = rows[:, 0]
    is_kept = np.ones(len(rows), dtype=bool)
    earlier = np.zeros(len(rows))
    for begin, end in silences:
        is_kept &= (t <= begin) | (t >= end)
        earlier[t >= end] += end - begin
    return _in_order(np.column_stack((t - earlier, rows[:, 1:]))[is_kept])


def _in_order(rows: list[list[float]] | Array) -> Array:
    """Return rows that begin with a time in the order of their times, no time twice."""
    table = np.array(rows)
    _, kept = np.unique(table[:, 0], return_index=True)
    return table[kept]
