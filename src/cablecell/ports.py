"""What the cell needs of a machine: the Protocols that every backend, simulated or real, implements.

The controller core talks to these and nothing else, so a backend is swapped by configuration. All quantities are SI.
Poses and wrenches follow ADR 0001: `X_AB` is the pose of B in A; a wrench is exerted by the environment on the tool.

What every backend keeps, and `tests/contract` checks on all of them:

- Names, command modes and servo response are known before `connect`. Reading or commanding a machine that is not
  connected raises `NotConnectedError` (code 801); `stop` and `disconnect` never raise.
- `command` refuses what is not finite, of a wrong size or in a mode it has not (`HardwareCommandError`, code 802) and
  changes nothing. Otherwise it returns what was really sent, after the machine's own limits.
- A state is never silently old: a read raises `StaleStateError` (code 803), which names what fell silent, once the
  newest report is older than the backend's limit.
- `connect` after `disconnect` works, does not move the arm, and forgets every command given before.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


class CommandMode(Enum):
    """What an arm is told."""

    POSITION = "position"
    VELOCITY = "velocity"
    EFFORT = "effort"


@dataclass(frozen=True)
class ArmState:
    """Measured state of the arm.

    Attributes:
        stamp_s: Time of measurement on the backend's clock, s.
        q: Joint positions, shape (n,), rad, in the order of `Arm.joint_names`.
        dq: Joint velocities, shape (n,), rad/s.
        tau: Joint torques, shape (n,), N·m.
        is_protective_stopped: True while the machine itself refuses to move.
    """

    stamp_s: float
    q: Vector
    dq: Vector
    tau: Vector
    is_protective_stopped: bool = False


@dataclass(frozen=True)
class JointCommand:
    """Setpoint of one control tick.

    Attributes:
        mode: Meaning of `values`.
        values: Shape (n,): rad, rad/s or N·m. In EFFORT mode gravity of the arm is compensated by the backend.
    """

    mode: CommandMode
    values: Vector


@dataclass(frozen=True)
class ServoResponse:
    """How an arm that is told positions follows them; it bounds how fast contact may be closed over it.

    Attributes:
        delay_s: Dead time from a measured wrench to the motion that answers it: sensor, link both ways, s.
        lag_s: Time constant with which the arm then follows, s.
    """

    delay_s: float
    lag_s: float


@dataclass(frozen=True)
class WrenchSample:
    """One reading of the force/torque sensor.

    Attributes:
        stamp_s: Time of measurement on the backend's clock, s.
        force: Force of the environment on the tool at `ft_frame`, expressed in `ft_frame`, shape (3,), N; raw, with
            the sensor's bias and the weight of everything behind it.
        torque: Torque about the origin of `ft_frame`, expressed in it, shape (3,), N·m; raw likewise.
        is_overloaded: Whether the load was outside the sensor's range, so that force and torque are too small.
    """

    stamp_s: float
    force: Vector
    torque: Vector
    is_overloaded: bool = False


@dataclass(frozen=True)
class GripperState:
    """Measured state of the gripper.

    Attributes:
        stamp_s: Time of measurement, s.
        width_m: Distance between the fingers, m.
        force_n: Grip force, N; 0 where it is not measured.
        is_holding: True when the fingers are stopped by an object.
    """

    stamp_s: float
    width_m: float
    force_n: float
    is_holding: bool


@dataclass(frozen=True)
class Region:
    """Rectangle of an image.

    Attributes:
        x: First column, pixels.
        y: First row, pixels.
        width: Columns, pixels.
        height: Rows, pixels.
    """

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Frame:
    """One camera image.

    Attributes:
        stamp_s: Time of exposure on the backend's clock, s.
        frame_id: Optical frame (z forward, x right, y down).
        pixels: RGB, shape (height, width, 3), uint8.
        K: Intrinsics of the full image with pixel centres at integers, shape (3, 3), pixels.
        region: Part of the full image that `pixels` shows.
    """

    stamp_s: float
    frame_id: str
    pixels: NDArray[np.uint8]
    K: Vector
    region: Region


class Clock(Protocol):
    """Source of time of a backend."""

    def now_s(self) -> float:
        """Return the time, s, never going back."""
        ...


class Arm(Protocol):
    """A serial arm."""

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Names in the order of all joint vectors; known before connecting."""
        ...

    @property
    def command_modes(self) -> frozenset[CommandMode]:
        """Modes this arm accepts; known before connecting. The controller chooses its law by these."""
        ...

    @property
    def servo_response(self) -> ServoResponse | None:
        """How it follows positions; known before connecting; None for an arm without a servo of its own."""
        ...

    def read(self) -> ArmState:
        """Return the newest measured state.

        Raises:
            NotConnectedError: Not connected (code 801).
            StaleStateError: The newest state is older than the limit (code 803).
        """
        ...

    def command(self, command: JointCommand) -> JointCommand:
        """Apply a setpoint and return what was really sent after the machine's own limits.

        Raises:
            NotConnectedError: Not connected (code 801).
            HardwareCommandError: Wrong size or mode, or not finite (code 802); nothing was changed.
        """
        ...

    def stop(self) -> None:
        """Come to rest as fast as the machine allows and hold; returns when that is under way; never raises."""
        ...


class Gripper(Protocol):
    """A parallel gripper."""

    def read(self) -> GripperState:
        """Return the newest measured state."""
        ...

    def command(self, width_m: float, force_n: float) -> None:
        """Move the fingers to a width, m, with at most a force, N."""
        ...


class WrenchSensor(Protocol):
    """A force/torque sensor at the wrist."""

    def read(self) -> WrenchSample:
        """Return the newest sample."""
        ...


class Camera(Protocol):
    """A calibrated camera."""

    def capture(self, region: Region | None = None) -> Frame:
        """Return a new image, or the part of it that is asked for."""
        ...


class Machine(Protocol):
    """Everything one `arm_controller` owns."""

    @property
    def arm(self) -> Arm:
        """The arm."""
        ...

    @property
    def gripper(self) -> Gripper:
        """The gripper."""
        ...

    @property
    def wrench_sensor(self) -> WrenchSensor:
        """The force/torque sensor."""
        ...

    @property
    def clock(self) -> Clock:
        """The clock of all stamps."""
        ...

    def connect(self) -> None:
        """Connect; does nothing when connected.

        Raises:
            MachineMissingError: Something that it needs is not there (code 804); the message names it.
        """
        ...

    def disconnect(self) -> None:
        """Stop and disconnect; may be called twice."""
        ...

    def cycle(self, period_s: float) -> None:
        """Carry out the last commands for one control period, s; returns when the next state can be read.

        A simulation advances by exactly `period_s`; a real machine waits for its next state.
        """
        ...
