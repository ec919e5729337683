"""What the console knows of the cell: one object, written by callbacks of ROS and read by the pages.

Every field is replaced as a whole, so that a page reads either the old or the new value; what piles up has a lock.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field

from cablecell.console.alarms import AlarmBook
from cablecell.console.force import ForceHistory
from cablecell.core.supervision.packml import COMMANDS, Command, State


@dataclass(frozen=True)
class CellView:
    """State of the cell as `cell_state` says it."""

    state: int = 0
    mode: int = 0
    cause_code: int = 0
    reason: str = ""
    job_id: str = ""

    @property
    def name(self) -> str:
        """Name of the state, as PackML has it."""
        return State(self.state).name if self.state in list(State) else "UNDEFINED"

    def allows(self, command: Command) -> bool:
        """Return whether the state allows a command."""
        return self.state in [int(state) for state in COMMANDS[command]]


@dataclass(frozen=True)
class JobView:
    """The job that runs, or ran last."""

    job_id: str = ""
    recipe: str = ""
    status: int = 0
    steps_total: int = 0
    steps_succeeded: int = 0
    steps_failed: int = 0
    current_step: str = ""
    error_code: int = 0
    error_msg: str = ""


@dataclass(frozen=True)
class PhaseView:
    """Phase of the insertion that runs."""

    phase: int = 0
    reason: str = ""
    attempt: int = 0


@dataclass(frozen=True)
class InsertionView:
    """One insertion that has ended."""

    stamp_s: float
    job_id: str
    step: str
    error_code: int
    error_msg: str
    depth_m: float
    peak_force_n: float
    duration_s: float
    attempts: int


@dataclass(frozen=True)
class TeleopView:
    """What teleoperation says."""

    state: int = 0
    holder: str = ""
    limits: int = 0
    error_code: int = 0
    error_msg: str = ""
    leash_m: float = 0.0
    leash_rad: float = 0.0
    force_n: float = 0.0
    torque_nm: float = 0.0
    speed_scale: float = 0.0
    is_assist_on: bool = False
    assist_port: str = ""
    assist_reason: str = ""


@dataclass(frozen=True)
class ComponentView:
    """One status of `diagnostics`."""

    name: str
    level: int
    message: str
    values: tuple[tuple[str, str], ...]
    heard_s: float


@dataclass(frozen=True)
class PortView:
    """Where a port is believed to be, in `base_link`."""

    name: str
    position: tuple[float, float, float]
    quat_xyzw: tuple[float, float, float, float]
    sigma_m: float
    is_seen: bool


@dataclass
class ConsoleState:
    """The snapshot.

    Attributes:
        cell: State of the cell.
        cell_heard_s: Monotonic time of the last heartbeat of the cell, s; 0 before the first.
        job: Its job.
        phase: Its insertion.
        insertions: What ended last, newest first.
        teleop: Teleoperation; None until it was heard.
        components: Diagnostics by name.
        joints: Positions by joint name, rad and m.
        ports: Ports.
        jpeg: Newest wrist image; empty before the first.
        jpeg_count: Counts images.
        description: URDF of the robot; empty before it was heard.
        speed_scale: Share of the speed of all motion.
        force: Contact force over the last half minute.
        alarms: What wants attention.
    """

    cell: CellView = CellView()
    cell_heard_s: float = 0.0
    job: JobView = JobView()
    phase: PhaseView = PhaseView()
    insertions: deque[InsertionView] = field(default_factory=lambda: deque(maxlen=20))
    teleop: TeleopView | None = None
    joints: dict[str, float] = field(default_factory=dict)
    ports: tuple[PortView, ...] = ()
    jpeg: bytes = b""
    jpeg_count: int = 0
    description: str = ""
    speed_scale: float = 1.0
    force: ForceHistory = field(default_factory=ForceHistory)
    alarms: AlarmBook = field(default_factory=AlarmBook)
    _components: dict[str, ComponentView] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def is_cell_up(self, now_s: float, limit_s: float = 1.5) -> bool:
        """Return whether the cell was heard lately."""
        return self.cell_heard_s > 0.0 and now_s - self.cell_heard_s < limit_s

    def take_component(self, component: ComponentView) -> None:
        """Keep a status of `diagnostics`."""
        with self._lock:
            self._components[component.name] = component

    @property
    def components(self) -> list[ComponentView]:
        """Every status of `diagnostics`, sorted by name."""
        with self._lock:
            return sorted(self._components.values(), key=lambda one: one.name)
