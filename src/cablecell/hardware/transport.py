"""What moves between the cell and a robot, as a Protocol: rclpy, RTDE, or a robot in the same process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class JointReport:
    """One state of the joints, as a `sensor_msgs/JointState` has it.

    Attributes:
        received_s: When it arrived, s on the clock of the transport.
        names: Joints in the order of the message.
        positions: Their positions, rad and m.
        velocities: Their velocities; may be empty.
        efforts: Their efforts; may be empty.
        is_protective_stopped: Whether the robot itself refuses to move; False where it does not say.
    """

    received_s: float
    names: tuple[str, ...]
    positions: Sequence[float]
    velocities: Sequence[float]
    efforts: Sequence[float]
    is_protective_stopped: bool = False


@dataclass(frozen=True)
class WrenchReport:
    """One wrench, as a `geometry_msgs/WrenchStamped` has it.

    Attributes:
        received_s: When it arrived, s on the clock of the transport.
        frame: Its frame_id.
        wrench: Force, N, and torque, N·m, six numbers as they are in the message.
    """

    received_s: float
    frame: str
    wrench: Sequence[float]


class RobotTransport(Protocol):
    """The link to one robot."""

    @property
    def joints(self) -> JointReport | None:
        """Newest joint state; None before the first."""
        ...

    @property
    def wrench(self) -> WrenchReport | None:
        """Newest wrench; None before the first."""
        ...

    def open(self) -> None:
        """Begin to listen; what came before is forgotten."""
        ...

    def close(self) -> None:
        """End; may be called twice."""
        ...

    def now_s(self) -> float:
        """Return the time on the clock of the reports, s, never going back."""
        ...

    def pause(self, duration_s: float) -> None:
        """Let time pass, s."""
        ...

    def wait_for_joints(self, newer_than_s: float, timeout_s: float) -> bool:
        """Wait for a joint state that arrived after a time; return False when none does within the limit."""
        ...

    def missing(self) -> list[str]:
        """Return the interfaces that nobody serves at the other end."""
        ...

    def control_lost(self) -> str:
        """Return why the robot takes no commands any more, though it reports; empty while it does."""
        ...

    def send_positions(self, positions: Sequence[float]) -> None:
        """Publish joint positions, rad, in the order of the configuration."""
        ...

    def send_gripper(self, position: float, max_effort_n: float) -> None:
        """Ask the gripper for a position in its own unit with at most an effort, N; do not wait for it."""
        ...


class ControllerTransport(RobotTransport, Protocol):
    """The link to a robot whose controllers can be switched."""

    def controller_states(self, timeout_s: float) -> dict[str, str] | None:
        """Return the state of every loaded controller by name; None when the manager did not answer in time."""
        ...

    def switch_controllers(self, start: Sequence[str], stop: Sequence[str], timeout_s: float) -> str | None:
        """Switch controllers, all or none; return why not, empty when done, None when there was no answer in time."""
        ...
