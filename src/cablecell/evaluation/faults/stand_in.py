"""A cell with a simulated clock: sources that fail as told, under the monitors of the real cell.

Real are the monitors of heartbeats, cameras, force sensor, clock and period. Arm, skill, parts and their typed outcomes
are stand-ins: they say what the real ones would say, and take the time that those take, but nothing is simulated.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import numpy as np

from cablecell.core.errors import WorkcellError
from cablecell.core.fusion.wrench_health import WrenchHealth
from cablecell.core.perception.stream_health import ArrivedImage, StreamHealth
from cablecell.core.supervision.health import ACTIVE, NodeHealth, NodeLostError
from cablecell.core.supervision.helpers import HelperWatch
from cablecell.core.supervision.self_watch import RecorderLostError, SelfWatch
from cablecell.ports import WrenchSample

TICK_S = 0.01
_SLOW = 5
"""Ticks between two looks of the supervisor, and two images of a camera: 20 Hz."""
_BEAT = 10
"""Ticks between two heartbeats of a node."""
CAMERAS = ("left", "center", "right")
MANAGED = ("arm_controller", "motion_planner", "port_estimator", "insertion_skill")
STOP_S = 0.15
"""Time in which the arm comes to rest."""
_NOISE_N, _NOISE_NM = 0.05, 0.002


class ToldError(WorkcellError):
    """What a stand-in of a node answers; it carries the code that the node would give."""

    code = 915

    @classmethod
    def of(cls, code: int, message: str) -> ToldError:
        """Return the error of a node that would say this."""
        error = cls(message)
        error.__dict__["code"] = code
        return error


@dataclass(frozen=True)
class Finding:
    """What a monitor of the real cell has found.

    Attributes:
        error: With its code.
        at_s: When, s.
    """

    error: WorkcellError
    at_s: float


@dataclass
class World:
    """The truth, which only injection and audit may read.

    Attributes:
        speed_mps: Of the tool.
        force_n: Between plug and board.
        until_s: Until when each fault of a source lasts.
        dead: Nodes whose process is gone.
        hung: Nodes that stand still.
        has_plug: Whether a plug is in the fingers.
        is_right: Whether it is of the right family.
        has_latch: Whether its latch is whole.
        pockets: Whether there is a plug in the next pockets of the tray.
        board_m: Where the board is.
        is_swapped: Whether two cameras have each other's name.
        is_off: Whether a camera or the grip is not as calibrated any more.
        is_covered: Whether something covers the port.
        is_fouled: Whether something stands inside it.
        is_caught: Whether the cable is caught.
        is_seated: Whether the plug of the present step is in its port.
        wall_offset_s: Wall clock minus steady clock.
        drift_n: Of the force sensor.
    """

    speed_mps: float = 0.0
    force_n: float = 0.0
    until_s: dict[str, float] = field(default_factory=dict)
    cameras: frozenset[str] = frozenset()
    dead: set[str] = field(default_factory=set)
    hung: set[str] = field(default_factory=set)
    has_plug: bool = False
    is_right: bool = True
    has_latch: bool = True
    pockets: list[bool] = field(default_factory=list)
    board_m: float = 0.0
    is_swapped: bool = False
    is_off: bool = False
    is_covered: bool = False
    is_fouled: bool = False
    is_caught: bool = False
    is_seated: bool = False
    wall_offset_s: float = 1.0e9
    drift_n: float = 0.0


class StandInCell:
    """Sources and their monitors; time passes only by `tick`.

    Attributes:
        now_s: Steady clock, s.
        world: The truth.
        findings: What the monitors found, in order.
        lost_recorder: Whether the recorder is known to be gone.
    """

    def __init__(self, dice: random.Random) -> None:
        """Begin with everything well, and everything heard."""
        self.now_s, self.world, self.findings = 0.0, World(), list[Finding]()
        self._dice = dice
        self._rng = np.random.default_rng(dice.getrandbits(32))
        self._images = self._rng.integers(40, 200, size=(64, 24, 32), dtype=np.uint8)
        self._noise = self._rng.normal(0.0, 1.0, size=(997, 6)) * ([_NOISE_N] * 3 + [_NOISE_NM] * 3)
        self._q = np.zeros(6)
        self._number = 0
        self._nodes = NodeHealth(MANAGED, 0.4, 30.0)
        self._recorder = HelperWatch(("recorder",))
        self._streams, self._wrench = StreamHealth(CAMERAS), WrenchHealth()
        self._self = SelfWatch(jump_s=0.2, late_s=0.4)
        self._phase = {name: dice.randrange(_BEAT) for name in (*MANAGED, "recorder")}
        self.lost_recorder = False
        self._nodes.begin(0.0)
        for name in MANAGED:
            self._nodes.hear(name, ACTIVE, 0.0)
        self._recorder.hear("recorder", ACTIVE, 0.0)
        self._streams.open(self._wall_s)

    @property
    def _copies(self) -> int:
        return 2 if self.is_on("messages_doubled") else 1

    @property
    def _late_s(self) -> float:
        return 0.05 if self.is_on("messages_late") else 0.0

    @property
    def _wall_s(self) -> float:
        return self.now_s + self.world.wall_offset_s

    @property
    def wrench_error(self) -> WorkcellError | None:
        """Why the monitor does not trust the force sensor; None where it does."""
        fault = self._wrench.fault
        return None if fault is None else fault.error

    @property
    def trusted_cameras(self) -> frozenset[str]:
        """Cameras that the monitor trusts."""
        return frozenset(CAMERAS) - frozenset(self._streams.faults)

    def is_on(self, fault: str) -> bool:
        """Return whether a fault of a source lasts."""
        return self.now_s < self.world.until_s.get(fault, -1.0)

    def tick(self) -> list[Finding]:
        """Let 10 ms pass; return what was found in them."""
        self.now_s += TICK_S
        self._number += 1
        if self.is_on("cpu_starved"):
            return []  # whoever watches does not run
        before = len(self.findings)
        self._judge_wrench()
        if self._number % _SLOW == 0:
            self._judge_itself()  # where the clock jumps the stamps of images do as well
            self._judge_cameras()
        self._beat()
        if self._number % _SLOW == 0:
            self._judge_nodes()
        return self.findings[before:]

    def tare(self) -> None:
        """Let the monitor of the force sensor know of a tare."""
        self._wrench.tare()

    def respawn_recorder(self) -> None:
        """Start the recorder again."""
        self.world.dead.discard("recorder")
        self.world.hung.discard("recorder")
        self._recorder.hear("recorder", ACTIVE, self.now_s)
        self.lost_recorder = False

    def _find(self, error: WorkcellError) -> None:
        self.findings.append(Finding(error, self.now_s))

    def _judge_wrench(self) -> None:
        if self.is_on("wrench_drift"):
            self.world.drift_n += 4.0 * TICK_S
        values = self._noise[self._number % len(self._noise)] + (0.0, 0.0, -9.0 + self.world.drift_n, 0.0, 0.0, 0.0)
        values[2] += self.world.force_n
        if self.is_on("wrench_stuck"):
            values[0] = 0.123
        stamp_s = self.now_s
        if self.is_on("wrench_dropout"):
            stamp_s = self.world.until_s["wrench_dropout"] - 1.0e3  # nothing newer than long ago
        is_held = self.world.speed_mps == 0.0 and self.world.force_n == 0.0
        if not is_held:
            self._q[0] += 1.0e-3
        if self.is_on("messages_late"):
            stamp_s = max(stamp_s - 0.05, self.world.until_s["messages_late"] - 1.0)
        sample = WrenchSample(stamp_s, values[:3], values[3:])
        for _ in range(self._copies):
            fault = self._wrench.step(self.now_s, sample, self._q, is_held=is_held)
            if fault is not None:
                self._find(fault.error)

    def _judge_cameras(self) -> None:
        if self.is_on("messages_late") and self.now_s < self.world.until_s["messages_late"] - 0.95:
            return  # what is sent now is still on its way
        for number, name in enumerate(CAMERAS):
            pixels = self._images[(self._number // _SLOW + 21 * number) % len(self._images)]
            if name in self.world.cameras:
                if self.is_on("camera_silent"):
                    continue
                if self.is_on("camera_frozen"):
                    pixels = self._images[0]
                elif self.is_on("camera_black"):
                    pixels = np.zeros_like(pixels) + self._rng.integers(0, 3, size=pixels.shape, dtype=np.uint8)
            for _ in range(self._copies):
                image = ArrivedImage(self._wall_s - 0.02 - self._late_s, pixels)
                fault = self._streams.add(name, self._wall_s, image)
                if fault is not None:
                    self._find(fault.error)
        for fault in self._streams.look(self._wall_s):
            self._find(fault.error)

    def _judge_itself(self) -> None:
        wrong = self._self.look(self.now_s, self._wall_s)
        if wrong is not None:
            self._find(wrong)

    def _beat(self) -> None:
        late = 20 if self.is_on("slow_node") else 0  # ticks: three times the period between two of them
        for name in (*MANAGED, "recorder"):
            period = _BEAT + (late if name == MANAGED[1] else 0)
            if (self._number + self._phase[name]) % period == 0 and name not in self.world.dead | self.world.hung:
                self._nodes.hear(name, ACTIVE, self.now_s)
                self._recorder.hear(name, ACTIVE, self.now_s)

    def _judge_nodes(self) -> None:
        for name in MANAGED:
            self._nodes.note_process(name, name not in self.world.dead, self.now_s)
        self._recorder.note_process("recorder", "recorder" not in self.world.dead)
        for name in self._recorder.silent(self.now_s, 0.15):
            self._recorder.note_sleep(name, True, self.now_s)
        # Whoever hangs is killed, and launch starts it again.
        self.world.dead.update(self._recorder.hung(self.now_s, is_hearing=True))
        for name in self._nodes.silent(self.now_s, 0.15):
            self._nodes.note_sleep(name, True, self.now_s)  # between callbacks every node sleeps
        lost = self._nodes.first_lost(self.now_s)
        if lost is not None:
            self._find(NodeLostError(lost.reason))
        missing = self._recorder.missing(self.now_s)
        if not self.lost_recorder and missing:
            self.lost_recorder = True
            self._find(RecorderLostError(missing))
