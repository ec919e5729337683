"""What the process that talks to a UR and the one that controls it say to each other: one packet, one message.

The first byte of a packet is its kind; numbers are packed as they are in memory, both ends run on one machine.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

END, GRIP, PAYLOAD, POSITIONS = b"e", b"g", b"p", b"q"
"""To the robot: leave; width, m, and force, N; mass, kg, and centre in the flange, m; joint positions, rad."""

FAILED, LOST, READY, STATE = b"f", b"l", b"r", b"s"
"""From the robot: no connection and why; no commands any more and why; connected; a state."""

LARGEST = 4096
_STATE = struct.Struct("=29d?")
_FLOATS = {GRIP: struct.Struct("=2d"), PAYLOAD: struct.Struct("=4d"), POSITIONS: struct.Struct("=6d")}


@dataclass(frozen=True)
class UrState:
    """One package of the robot.

    Attributes:
        received_s: When it was read, s of the monotonic clock.
        robot_s: Its timestamp, s since the controller was switched on.
        q: Joint positions, rad.
        dq: Joint velocities, rad/s.
        torques: Joint torques of the controller's model, N·m.
        wrench: Force and torque at the flange in the flange's axes, N and N·m, without the payload.
        width_m: Distance of the fingers, m.
        grip_n: Grip force while something is held, N; 0 otherwise.
        speed: Share of its speed at which the robot moves: slider times what the controller allows.
        is_stopped_for_safety: Whether it refuses to move.
    """

    received_s: float
    robot_s: float
    q: tuple[float, ...]
    dq: tuple[float, ...]
    torques: tuple[float, ...]
    wrench: tuple[float, ...]
    width_m: float
    grip_n: float
    speed: float
    is_stopped_for_safety: bool


def pack_state(state: UrState) -> bytes:
    """Return a state as a packet."""
    numbers = (state.received_s, state.robot_s, *state.q, *state.dq, *state.torques, *state.wrench)
    return STATE + _STATE.pack(*numbers, state.width_m, state.grip_n, state.speed, state.is_stopped_for_safety)


def unpack_state(packet: bytes) -> UrState:
    """Return the state of a packet."""
    n = _STATE.unpack_from(packet, 1)
    return UrState(n[0], n[1], n[2:8], n[8:14], n[14:20], n[20:26], n[26], n[27], n[28], n[29])


def pack_floats(kind: bytes, *values: float) -> bytes:
    """Return a command as a packet."""
    return kind + _FLOATS[kind].pack(*values)


def unpack_floats(packet: bytes) -> tuple[float, ...]:
    """Return the numbers of a command."""
    return _FLOATS[packet[:1]].unpack_from(packet, 1)
