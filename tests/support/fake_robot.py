"""A ros2_control robot in the same process: what a `RobotTransport` reaches, in simulated time and without ROS."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cablecell.core.config.robot import RobotSettings
from cablecell.hardware.mock import MockMachine
from cablecell.hardware.transport import JointReport, WrenchReport
from cablecell.ports import CommandMode, JointCommand

PERIOD_S = 0.002


class FakeRobot:
    """A position servo behind a transport: it reports every period, holds the last command, and can fall silent.

    Its joints are reported in another order than ours, as real drivers do.

    Attributes:
        machine: What moves.
        sent: Every command that arrived.
        silent: Interfaces that say nothing: topics, or the gripper's action.
        is_open: Whether the transport is open.
        every: Periods between two joint states.
        controllers: State of every controller by name.
        switches: What was asked to be started and stopped.
        refusal: Why the controller manager refuses; empty when it does not.
        lost_answers: How many answers of the manager get lost from now on.
    """

    def __init__(self, settings: RobotSettings, machine: MockMachine) -> None:
        self._settings, self.machine = settings, machine
        self.sent: list[tuple[float, list[float]]] = []
        self.grips: list[tuple[float, float]] = []
        self.silent: set[str] = set()
        self.is_open = False
        self.every = 1
        self.controllers = {"forward_position_controller": "inactive", "joint_trajectory_controller": "active"}
        self.switches: list[tuple[list[str], list[str]]] = []
        self.refusal = ""
        self.lost_answers = 0
        self._steps = 0
        self.frame = settings.wrench.frame
        self.names = (settings.gripper.joint, *reversed(settings.joints))
        self._joints: JointReport | None = None
        self._wrench: WrenchReport | None = None
        machine.connect()

    @property
    def joints(self) -> JointReport | None:
        return self._joints

    @property
    def wrench(self) -> WrenchReport | None:
        return self._wrench

    def open(self) -> None:
        self._joints = self._wrench = None
        self.is_open = True

    def close(self) -> None:
        self.is_open = False

    def now_s(self) -> float:
        return self.machine.clock.now_s()

    def pause(self, duration_s: float) -> None:
        for _ in range(max(1, round(duration_s / PERIOD_S))):
            self._step()

    def wait_for_joints(self, newer_than_s: float, timeout_s: float) -> bool:
        for _ in range(round(timeout_s / PERIOD_S)):
            self._step()
            if self._joints is not None and self._joints.received_s > newer_than_s:
                return True
        return False

    def missing(self) -> list[str]:
        topics = self._settings.topics
        return [name for name in (topics.position_commands, topics.gripper_command) if name in self.silent]

    def control_lost(self) -> str:
        return ""

    def controller_states(self, timeout_s: float) -> dict[str, str] | None:
        return None if self._is_answer_lost(timeout_s) else dict(self.controllers)

    def switch_controllers(self, start: Sequence[str], stop: Sequence[str], timeout_s: float) -> str | None:
        self.switches.append((list(start), list(stop)))
        if not self.refusal:
            self.controllers |= dict.fromkeys(start, "active") | dict.fromkeys(stop, "inactive")
        return None if self._is_answer_lost(timeout_s) else self.refusal

    def _is_answer_lost(self, timeout_s: float) -> bool:
        if self.lost_answers <= 0:
            return False
        self.lost_answers -= 1
        self.pause(timeout_s)
        return True

    def send_positions(self, positions: Sequence[float]) -> None:
        self.sent.append((self.now_s(), list(positions)))
        if self._settings.topics.position_commands not in self.silent:
            self.machine.arm.command(JointCommand(CommandMode.POSITION, np.array(positions)))

    def send_gripper(self, position: float, max_effort_n: float) -> None:
        self.grips.append((position, max_effort_n))
        self.machine.gripper.command(position * self._settings.gripper.width_per_position, max_effort_n)

    def _step(self) -> None:
        self.machine.cycle(PERIOD_S)
        if not self.is_open:
            return
        state, grip, topics = self.machine.arm.read(), self.machine.gripper.read(), self._settings.topics
        self._steps += 1
        if topics.joint_states not in self.silent and self._steps % self.every == 0:
            width = grip.width_m / self._settings.gripper.width_per_position
            self._joints = JointReport(
                self.now_s(), self.names, [width, *state.q[::-1]], [0.0, *state.dq[::-1]], [0.0] * 7
            )
        if topics.wrench not in self.silent:
            self._wrench = WrenchReport(self.now_s(), self.frame, [0.0] * 6)
