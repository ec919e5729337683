"""The loop of the loop-back robot: what a controller manager does on a real one, on simulated drives.

Two controllers share the joints: one holds or follows the newest forward command, one follows trajectories. Whoever is
told something last has the joints. As on a real robot neither has a time-out: the last value is held for ever.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from cablecell.composition.machines import Backend
from cablecell.core.control.errors import TrajectoryRejectedError
from cablecell.core.control.modes import ControllerMode, ControllerReport
from cablecell.core.control.trajectory import (
    START_TOLERANCE_RAD,
    JointTrajectory,
    Tolerances,
    TrajectoryFollower,
    validate_trajectory,
)
from cablecell.core.geometry import Array
from cablecell.ports import CommandMode, JointCommand
from cablecell.ros.arm_priority import less_urgent
from cablecell.ros.control_loop import ControlLoop, Cycle
from cablecell.ros.heartbeat_watch import HeartbeatWatch

_STOP_TIME_S = 0.15
_GRIPPER_EVERY = 5
_REPEAT_S = 0.005
REPEATED = 0
"""Number of a cycle that only repeats the last one: neither scene nor truth is due, which change just now."""

_NOTHING = np.zeros(6)
_NOWHERE = np.eye(4)


class JointControllers:
    """Decides what the drives are told: the newest forward command, or the trajectory that was started after it.

    Attributes:
        follower: The last trajectory that was started; None before the first.
        mode: What has the joints.
    """

    def __init__(self, backend: Backend, period_s: float, takes_trajectories: Callable[[], bool]) -> None:
        self._limits, self._period_s = backend.model.joint_limits, period_s
        self._takes_trajectories = takes_trajectories
        self.follower: TrajectoryFollower | None = None
        self.mode = ControllerMode.HOLD

    @property
    def report(self) -> ControllerReport:
        """State, as far as a robot that knows no tool has one."""
        return ControllerReport(self.mode, _NOWHERE, _NOTHING, _NOWHERE, is_held=False, is_limited=False, fault=None)

    def start_trajectory(self, trajectory: JointTrajectory, tolerances: Tolerances, q: Array) -> TrajectoryFollower:
        """Take the joints and follow a trajectory from measured positions `q`.

        Raises:
            TrajectoryRejectedError: It cannot be followed, or its controller does not run (code 309); nothing was
                changed.
        """
        if not self._takes_trajectories():
            raise TrajectoryRejectedError(
                "the trajectory controller is not active; switch controllers first", quantity="controller"
            )
        validate_trajectory(trajectory, self._limits, q)
        if self.follower is not None:
            self.follower.cancel()
        self.follower = TrajectoryFollower(trajectory, tolerances, _STOP_TIME_S)
        self.mode = ControllerMode.TRAJECTORY
        return self.follower

    def step(self, forward: Array | None, q: Array) -> Array | None:
        """Return what the drives are told now; None for nothing new.

        Args:
            forward: A forward command that has just come.
            q: Measured positions, rad.
        """
        if forward is not None:
            self.mode = ControllerMode.JOINT_UPDATE
            return forward
        if self.mode is not ControllerMode.TRAJECTORY or self.follower is None:
            return None
        reference = self.follower.step(q, self._period_s)
        if self.follower.state.is_final:
            self.mode = ControllerMode.HOLD
        return reference.q


class RobotLoop(ControlLoop):
    """Runs the simulated drives at a fixed rate and reports every cycle.

    Attributes:
        takes_forward: Says whether the controller of forward commands runs.
        takes_trajectories: Says whether the controller of trajectories runs.
    """

    def __init__(self, backend: Backend, settings: Any, servo: Any, publish: Callable[[Cycle], None]) -> None:
        """Start nothing yet.

        Args:
            backend: The simulated machine, connected.
            settings: `rate_hz` and `lag_limit_s`.
            servo: The machine's drives behind their link, `ServoArm`.
            publish: Called with every cycle.
        """
        self._servo = servo
        self.takes_forward: Callable[[], bool] = lambda: True
        self.takes_trajectories: Callable[[], bool] = lambda: True
        self._forward: deque[Array] = deque(maxlen=1)
        super().__init__(backend, settings, publish, HeartbeatWatch(0.0))  # a robot knows no supervisor

    def reset(self) -> None:
        """Hold where the arm is, as after a change of the scene."""
        self.controller: Any = JointControllers(self._backend, self._period_s, lambda: self.takes_trajectories())
        self._forward.clear()
        self._is_taken_up = False
        self._servo.reset()

    @property
    def is_heard(self) -> bool:
        """Whether the report of the newest cycle comes through."""
        return bool(self._servo.is_heard)

    def take_up(self) -> None:
        """Hold where the arm is."""
        self.reset()

    def show(self, change: Callable[[], None]) -> None:
        """Change the scene, between two cycles; the robot goes on reporting that it stands where it stood.

        A real robot does not fall silent because somebody puts another board under it.
        """
        done = threading.Event()
        reporter = threading.Thread(target=self._repeat, args=(done,), name="reporter", daemon=True)
        reporter.start()
        try:
            with less_urgent():
                change()
        finally:
            done.set()
            reporter.join()
        self.reset()

    def _repeat(self, done: threading.Event) -> None:
        last = self.last
        while last is not None and not done.wait(_REPEAT_S):
            last = replace(last, number=REPEATED, stamp_ns=last.stamp_ns + round(_REPEAT_S * 1e9))
            self._publish(last)

    def forward(self, positions: Array) -> None:
        """Take a forward command; the newest wins. Nobody listens while its controller does not run."""
        if self.takes_forward():
            self._forward.append(positions)

    def smooth_over(self, lookahead_s: float) -> None:
        """Have the drives smooth set-points over a time from now on, s."""
        self._servo.smooth_over(lookahead_s)

    def _cycle(self) -> None:
        if self._requests or self._pending:
            self._serve()
        machine = self._backend.machine
        forward = self._forward.popleft() if self._forward else None
        if forward is not None and not self._is_taken_up:
            # As a controller that is activated: a stream is taken up where the arm is, and not from elsewhere.
            self._is_taken_up = bool(np.abs(forward - machine.arm.read().q).max() < START_TOLERANCE_RAD)
            forward = forward if self._is_taken_up else None
        target = self.controller.step(forward, machine.arm.read().q)
        if target is not None:
            self._servo.send(target)
        state, sample = self._servo.report()
        gripper = self.last.gripper if self.last is not None and self._number % _GRIPPER_EVERY else None
        self.last = Cycle(
            self._number,
            self.pacer.stamp_ns(machine.clock.now_s()),
            state,
            sample,
            _NOTHING,
            _NOTHING,
            self.controller.report,
            JointCommand(CommandMode.POSITION, state.q if target is None else target),
            machine.gripper.read() if gripper is None else gripper,
        )
        self._publish(self.last)
        self._servo.cycle(self._period_s)
        self._finish_cycle()
