"""The simulated arm as an industrial one is met from outside: a position servo at the far end of a link.

The drives follow set-points at the rate of the physics, within torque and speed; they smooth what arrives over a
lookahead, as servo interfaces of real arms do, because messages do not come evenly. The link delays set-points and
reports alike, each by its own random time, and never changes their order.
"""

from __future__ import annotations

import math
import random
from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from cablecell.ports import ArmState, CommandMode, JointCommand, Vector, WrenchSample
from cablecell.simulation.machine import SimulatedMachine

T = TypeVar("T")

STIFFNESS_NM_PER_RAD = (8.0e4, 8.0e4, 4.0e4, 1.0e4, 1.0e4, 1.0e4)
"""Of the joints as their servos hold them: about 7e4 N/m at the tool, as arms of this size have. Estimate."""
DAMPING_NMS_PER_RAD = (700.0, 700.0, 350.0, 40.0, 40.0, 20.0)
"""Likewise of the motion against what is commanded."""


@dataclass(frozen=True)
class ServoLink:
    """How a servo is reached.

    Attributes:
        lookahead_s: Time over which set-points are smoothed, s.
        delay_s: Mean delay of the link, each way, s.
        jitter_s: Largest deviation from it, s.
        loss: Share of messages that never arrive.
    """

    lookahead_s: float = 0.008
    delay_s: float = 0.0
    jitter_s: float = 0.0
    loss: float = 0.0


class DelayLine(Generic[T]):
    """Hands things over later, in their order."""

    def __init__(self, link: ServoLink, rng: random.Random) -> None:
        self._link, self._rng = link, rng
        self._waiting: deque[tuple[float, T]] = deque()
        self._newest: T | None = None

    def put(self, thing: T, now_s: float) -> bool:
        """Send something; return whether it will arrive."""
        link = self._link
        if link.loss and self._rng.random() < link.loss:
            return False
        due_s = now_s + max(0.0, link.delay_s + self._rng.uniform(-link.jitter_s, link.jitter_s))
        if self._waiting:
            due_s = max(due_s, self._waiting[-1][0])
        self._waiting.append((due_s, thing))
        return True

    def newest(self, now_s: float) -> T | None:
        """Return the newest thing that has arrived; None before the first."""
        while self._waiting and self._waiting[0][0] <= now_s + 1.0e-9:
            self._newest = self._waiting.popleft()[1]
        return self._newest

    def clear(self) -> None:
        """Forget everything."""
        self._waiting.clear()
        self._newest = None


class ServoArm:
    """A simulated machine driven by streamed positions and read through a link.

    Attributes:
        is_heard: Whether the last report came through: who was sent one that is lost hears nothing in that period.
    """

    def __init__(self, machine: SimulatedMachine, link: ServoLink, seed: int) -> None:
        """Begin with a machine that is connected.

        Args:
            machine: The machine.
            link: How it is reached.
            seed: Of the delays.
        """
        rng = random.Random(f"{seed}/link")
        self._machine = machine
        self._setpoints: DelayLine[Vector] = DelayLine(link, rng)
        self._reports: DelayLine[tuple[ArmState, WrenchSample]] = DelayLine(link, rng)
        self._smooth: list[Vector] = []
        self._lookahead_s = link.lookahead_s
        self.is_heard = True
        machine.world.drives.make_elastic(STIFFNESS_NM_PER_RAD, DAMPING_NMS_PER_RAD)

    def reset(self) -> None:
        """Hold where the arm is, as after a change of the scene; what is on its way is lost."""
        self._setpoints.clear()
        self._reports.clear()
        self._smooth = []
        self._machine.world.drives.make_elastic(STIFFNESS_NM_PER_RAD, DAMPING_NMS_PER_RAD)

    def smooth_over(self, lookahead_s: float) -> None:
        """Smooth set-points over another time from now on, s; none of what is smoothed is lost."""
        self._lookahead_s = lookahead_s

    def send(self, q: Vector) -> None:
        """Send a set-point, shape (n,), rad."""
        self._setpoints.put(np.array(q, dtype=float), self._machine.clock.now_s())

    def report(self) -> tuple[ArmState, WrenchSample]:
        """Return the newest state and wrench that have arrived, as they were then."""
        now_s = self._machine.clock.now_s()
        fresh = (self._machine.arm.read(), self._machine.wrench_sensor.read())
        self.is_heard = self._reports.put(fresh, now_s)
        return self._reports.newest(now_s) or fresh

    def cycle(self, period_s: float) -> None:
        """Follow what has arrived for a period."""
        machine = self._machine
        target = self._setpoints.newest(machine.clock.now_s())
        if target is not None:
            machine.arm.command(JointCommand(CommandMode.POSITION, self._smoothed(target, period_s)))
        machine.cycle(period_s)

    def _smoothed(self, target: Vector, period_s: float) -> Vector:
        if self._lookahead_s <= 0.0:
            return target
        if not self._smooth:
            q = self._machine.arm.read().q
            self._smooth = [q.copy(), q.copy()]
        blend = 1.0 - math.exp(-2.0 * period_s / self._lookahead_s)
        first = self._smooth[0] + blend * (target - self._smooth[0])
        second = self._smooth[1] + blend * (first - self._smooth[1])
        self._smooth = [first, second]
        return second
