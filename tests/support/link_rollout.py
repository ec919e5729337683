"""An insertion through the driver of ros2_control arms, in simulated time: its link can be cut at any moment."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cablecell.composition.loopback import watch_cut
from cablecell.composition.position_backend import PositionArm
from cablecell.core.control.arm_controller import ArmController
from cablecell.core.control.command import ComplianceCommand
from cablecell.core.errors import HardwareError
from cablecell.core.insertion.outcome import Phase
from cablecell.evaluation.comparators.strategies import make_strategy
from cablecell.evaluation.rollout_position import PositionRollout
from cablecell.hardware.ros2_control import Ros2ControlMachine
from cablecell.hardware.transport import JointReport, WrenchReport
from cablecell.ports import CommandMode
from cablecell.simulation.link_cut import CutReport
from tests.support.fake_robot import PERIOD_S, FakeRobot

OUT_M = 0.08
OUT_LIMIT_S = 8.0


class ServoRobot(FakeRobot):
    """The simulated arm behind a transport.

    Attributes:
        cut: How its link is cut; None while it is not.
    """

    def __init__(self, settings, machine, servo):
        self._servo, self.cut = servo, None
        self.on_step: Callable[[], None] = lambda: None
        super().__init__(settings, machine)

    def send_positions(self, positions):
        if self.cut != "pulled":
            self._servo.send(np.array(positions))

    def _step(self):
        self._servo.cycle(PERIOD_S)
        self.on_step()
        state, sample = self._servo.report()
        if not self.is_open or self.cut is not None or not self._servo.is_heard:
            return
        now_s = self.now_s()
        names = (*self._settings.joints, self._settings.gripper.joint)
        self._joints = JointReport(now_s, names, [*state.q, 0.0], [*state.dq, 0.0], [0.0] * 7)
        self._wrench = WrenchReport(now_s, self.frame, [*sample.force, *sample.torque])


class LinkRollout(PositionRollout):
    """A position-controlled rollout in which arm and sensor are reached through the shipped driver."""

    def __init__(self, robot_settings, *words, **values):
        super().__init__(*words, **values)
        self._free_n = self.machine.wrench_sensor.read().force
        self._loop = values["loop"]
        self.robot = ServoRobot(robot_settings, self.machine, self._servo)
        limits = PositionArm(robot_settings).model.joint_limits
        self.driver = Ros2ControlMachine(robot_settings, limits, self.robot, 1.0 / PERIOD_S)
        self.driver.connect()

    def _cycle(self):
        driver, now_s = self.driver, self.machine.clock.now_s()
        state, sample = driver.arm.read(), driver.wrench_sensor.read()
        wrench = self._felt.compensate(sample, self._arm.dynamics(state.q).X_base_tcp[:3, :3])
        driver.arm.command(self.controller.tick(state, wrench, now_s))
        driver.cycle(self._dt_s)
        self._recorder.sample()

    @property
    def phase(self):
        """Where it is: None on the way to staging."""
        return Phase(self.trace.phase[-1]) if self.trace.phase else None

    def lose(self, how: str) -> tuple[CutReport, HardwareError]:
        """Cut the link and go on as the control loop does; return what the arm did, and what was said."""
        look, reports = watch_cut(self.machine, self._free_n), []

        def watch():
            if not reports and (report := look()) is not None:
                reports.append(report)

        self.robot.on_step, self.robot.cut = watch, how
        try:
            while True:
                self.step()
        except HardwareError as error:
            said = error
        self.driver.disconnect()
        while not reports:
            self.robot.pause(PERIOD_S)
        self.robot.on_step = lambda: None
        return reports[0], said

    def come_back(self) -> None:
        """Mend the link, and connect as a controller that starts with the record of its sensor: all begins anew."""
        self.robot.cut = None
        self.driver.connect()
        self.controller = ArmController(self._arm, self._control, command_mode=CommandMode.POSITION, loop=self._loop)
        self.skill = make_strategy("hybrid", self.profile, self.insertion_settings)
        self.trace.phase.clear()
        self._is_moving = self._is_staged = False

    def back_out(self) -> float:
        """Pull the plug out as the supervisor does; return how far it came, m."""
        begin = self._tip_pose()
        end_s = self.machine.clock.now_s() + OUT_LIMIT_S
        while (way_m := float(begin[:3, 2] @ (begin[:3, 3] - self._tip_pose()[:3, 3]))) < OUT_M:
            now_s = self.machine.clock.now_s()
            if now_s > end_s:
                break
            self.act(
                ComplianceCommand(
                    stamp_s=now_s,
                    X_base_target=begin,
                    X_tcp_comp=self._tip.X,
                    stiffness=np.diag([400.0, 400.0, 0.0, 20.0, 20.0, 20.0]),
                    damping=np.diag([0.0, 0.0, 250.0, 0.0, 0.0, 0.0]),
                    feedforward=np.array([0.0, 0.0, -10.0, 0.0, 0.0, 0.0]),
                )
            )
        return way_m

    def _tip_pose(self):
        return self._arm.dynamics(self.machine.arm.read().q).X_base_tcp @ self._tip.X
