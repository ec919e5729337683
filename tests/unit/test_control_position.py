"""The controller of an arm that is told positions: stable in free air, limited, and honest about an arm that strays."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from cablecell.core.config.control import ControlSettings
from cablecell.core.control.admittance import ContactLoop
from cablecell.core.control.arm_controller import ArmController
from cablecell.core.control.command import ComplianceCommand
from cablecell.core.control.errors import CommandModeError, ContactForceError, FollowingError
from cablecell.core.control.modes import ControllerMode, preferred_mode
from cablecell.core.control.trajectory import JointTrajectory, Tolerances
from cablecell.ports import ArmState, CommandMode
from tests.support.arm import HOME, DhArm

MODEL = DhArm()
DT = 0.002
MASS_KG = 1.0
CENTRE = np.array([0.0, 0.0, -0.1])
K = np.diag([2500.0] * 3 + [60.0] * 3)


class DelayedArm:
    """Follows what it is told some periods later; its sensor feels the inertia of the tool, later still."""

    def __init__(self, delay: int = 5) -> None:
        self.q, self.dq, self.time_s = HOME.copy(), np.zeros(6), 0.0
        self._told = deque([HOME.copy()] * delay, maxlen=delay)
        self._felt = deque([np.zeros(6)] * delay, maxlen=delay)
        self._v = np.zeros(3)
        self.wrench = np.zeros(6)

    def state(self) -> ArmState:
        return ArmState(self.time_s, self.q, self.dq, np.zeros(6))

    def follow(self, command) -> None:
        q, self._told = self._told[0], deque([*self._told, command.values.copy()], maxlen=self._told.maxlen)
        self.dq, self.q = (q - self.q) / DT, q
        dynamics = MODEL.dynamics(self.q)
        R = dynamics.X_base_tcp[:3, :3]
        twist = dynamics.J_base_tcp @ self.dq
        v = twist[:3] + np.cross(twist[3:], R @ CENTRE)
        force = -MASS_KG * (R.T @ ((v - self._v) / DT))
        self._v = v
        self.wrench = self._felt[0]
        self._felt.append(np.concatenate((force, np.cross(CENTRE, force))))
        self.time_s += DT


def make(virtual_inertia=3.0, settings=None):
    loop = ContactLoop(
        0.012, 0.010, 40000.0, 30.0, tool_mass_kg=MASS_KG, tool_centre_m=tuple(CENTRE), virtual_inertia=virtual_inertia
    )
    return ArmController(MODEL, settings or ControlSettings(), command_mode=CommandMode.POSITION, loop=loop)


def shake(controller, seconds=1.0):
    """Hold a pose in free air after a tap of 5 N; return the highest force that the sensor then feels."""
    arm, peak = DelayedArm(), 0.0
    X = MODEL.dynamics(HOME).X_base_tcp
    for i in range(round(seconds / DT)):
        controller.command_compliance(ComplianceCommand(arm.time_s, X, np.eye(4), K), arm.time_s)
        tap = np.array([5.0, 0, 0, 0, 0.5, 0]) if 10 <= i < 15 else np.zeros(6)
        arm.follow(controller.tick(arm.state(), arm.wrench + tap, arm.time_s))
        if i > 250:
            peak = max(peak, float(np.abs(arm.wrench[:3]).max()))
        if controller.report.mode is ControllerMode.STOPPED:
            return np.inf
    return peak


def test_a_tap_in_free_air_dies_out_because_the_law_is_heavier_than_the_tool():
    assert shake(make()) < 0.05


def test_a_law_that_is_lighter_than_the_tool_shakes_itself():
    assert shake(make(virtual_inertia=0.1)) > 1.0


def test_the_velocity_of_the_reference_leads_stiff_axes_and_not_soft_ones():
    """A soft axis yields: who moves its reference by what he feels must not push the arm with it."""
    X = MODEL.dynamics(HOME).X_base_tcp
    moved = {}
    for stiffness in (2500.0, 800.0):
        controller, arm = make(), DelayedArm()
        gains = np.diag([stiffness] * 3 + [60.0] * 3)
        for i in range(100):
            target = X.copy()
            target[0, 3] += 0.02 * i * DT
            controller.command_compliance(ComplianceCommand(arm.time_s, target, np.eye(4), gains), arm.time_s)
            arm.follow(controller.tick(arm.state(), np.zeros(6), arm.time_s))
        moved[stiffness] = MODEL.dynamics(arm.q).X_base_tcp[0, 3] - X[0, 3]
    assert moved[2500.0] > 0.7 * 0.02 * 100 * DT
    assert moved[800.0] < 0.4 * 0.02 * 100 * DT


def test_what_is_streamed_is_bounded_whatever_is_commanded():
    controller, arm = make(), DelayedArm()
    rng = np.random.default_rng(5)
    X, q, dq = MODEL.dynamics(HOME).X_base_tcp, HOME.copy(), np.zeros(6)
    for i in range(600):
        if i % 20 == 0:
            target = X.copy()
            target[:3, 3] += rng.uniform(-0.05, 0.05, 3)
        controller.command_compliance(ComplianceCommand(arm.time_s, target, np.eye(4), 4.0 * K), arm.time_s)
        command = controller.tick(arm.state(), rng.uniform(-15.0, 15.0, 6) * [1, 1, 1, 0.1, 0.1, 0.1], arm.time_s)
        rate = (command.values - q) / DT
        assert np.abs(rate).max() <= np.pi + 1e-9
        assert np.abs(rate - dq).max() <= 40.0 * DT + 1e-9
        q, dq = command.values.copy(), rate
        arm.follow(command)


def test_a_stop_in_motion_brakes_and_stays():
    controller, arm = make(), DelayedArm()
    times = np.linspace(0.0, 2.0, 21)
    path = HOME + np.outer(times, np.array([0.5, 0, 0, 0, 0, 0]))
    rates = np.tile([0.5, 0, 0, 0, 0, 0], (21, 1))
    controller.start_trajectory(JointTrajectory(times, path, rates), Tolerances(), HOME)
    for _ in range(200):
        arm.follow(controller.tick(arm.state(), None, arm.time_s))
    controller.stop()
    told = [controller.tick(arm.state(), None, arm.time_s).values[0]]
    for _ in range(100):
        command = controller.tick(arm.state(), None, arm.time_s)
        told.append(command.values[0])
        arm.follow(command)
    rates = np.diff(told) / DT
    assert np.abs(np.diff(rates)).max() <= 40.0 * DT + 1e-9
    assert (rates >= -1e-6).all(), "it turns back"
    assert np.flatnonzero(np.abs(rates) > 1e-6)[-1] * DT < 0.05


def test_a_stop_by_force_gives_way_until_the_force_is_gone():
    """Held stiffly it would go on pressing: a rigid surface keeps what it has."""
    controller, arm = make(), DelayedArm()
    start = MODEL.dynamics(HOME).X_base_tcp
    stiffness_n_per_m, overlap_m = 40000.0, 0.002  # 80 N
    felt = deque([np.zeros(6)] * 3, maxlen=3)
    for _ in range(1000):
        X = MODEL.dynamics(arm.q).X_base_tcp
        depth = overlap_m + float((X[:3, 3] - start[:3, 3]) @ start[:3, 2])
        push = np.array([0, 0, -stiffness_n_per_m * max(depth, 0.0), 0, 0, 0])
        arm.follow(controller.tick(arm.state(), felt[0], arm.time_s))
        felt.append(push)
    assert isinstance(controller.report.fault, ContactForceError)
    assert np.abs(push).max() < 1.0
    assert np.linalg.norm(MODEL.dynamics(arm.q).X_base_tcp[:3, 3] - start[:3, 3]) < 0.004


PRESSED = np.array([0, 0, -70.0, 0, 0, 0])
"""Above the limit of 60 N."""


def ticks(controller, arm, count, wrench=None):
    """Let the arm follow for some periods and return what it was told, shape (count, 6)."""
    told = []
    for _ in range(count):
        command = controller.tick(arm.state(), wrench, arm.time_s)
        told.append(command.values.copy())
        arm.follow(command)
    return np.array(told)


def turn(controller, arm, angle, seconds=1.0):
    """Move the first joint along a trajectory."""
    start = arm.q.copy()
    goal = start + np.array([angle, 0, 0, 0, 0, 0])
    path = JointTrajectory(np.array([0.0, seconds]), np.array([start, goal]), np.zeros((2, 6)))
    controller.start_trajectory(path, Tolerances(path=0.0), start)
    ticks(controller, arm, round((seconds + 0.2) / DT))
    assert np.abs(arm.q - goal).max() < 1e-3


def test_a_second_stop_by_force_gives_way_from_where_the_arm_then_is():
    """Not from where the first one was: the stopped arm would go back there at full speed."""
    controller, arm = make(), DelayedArm()
    ticks(controller, arm, 5)
    ticks(controller, arm, 5, PRESSED)
    assert isinstance(controller.report.fault, ContactForceError)
    ticks(controller, arm, 100, np.zeros(6))
    controller.hold()
    ticks(controller, arm, 100, np.zeros(6))
    turn(controller, arm, 0.6)
    here = arm.q.copy()
    ticks(controller, arm, 5, PRESSED)
    assert isinstance(controller.report.fault, ContactForceError)
    told = ticks(controller, arm, 500, np.zeros(6))
    assert np.abs(told - here).max() < 0.02


def test_an_arm_that_was_moved_while_it_gives_way_is_not_pulled_back():
    controller, arm = make(), DelayedArm(delay=1)
    ticks(controller, arm, 5)
    ticks(controller, arm, 5, PRESSED)
    here = arm.q + 0.4
    arm.q, arm.dq, arm._told = here.copy(), np.zeros(6), deque([here.copy()], maxlen=1)
    told = ticks(controller, arm, 500, np.zeros(6))
    assert isinstance(controller.report.fault, ContactForceError)
    assert np.abs(told - here).max() < 0.02


def test_an_arm_that_does_not_follow_is_stopped_and_named():
    controller, time_s = make(settings=ControlSettings(following_limit_rad=0.05)), 0.0
    goal = HOME + np.array([0.5, 0, 0, 0, 0, 0])
    path = JointTrajectory(np.array([0.0, 1.0]), np.array([HOME, goal]), np.zeros((2, 6)))
    controller.start_trajectory(path, Tolerances(path=0.0), HOME)
    stuck = ArmState(0.0, HOME, np.zeros(6), np.zeros(6))
    for _ in range(400):
        command = controller.tick(stuck, None, time_s)
        time_s += DT
        if controller.report.mode is ControllerMode.STOPPED:
            break
    assert isinstance(controller.report.fault, FollowingError)
    assert "joint 0 is 0.05" in str(controller.report.fault)
    assert np.abs(controller.tick(stuck, None, time_s).values - HOME).max() < 1e-9, "it waits to jump ahead"
    assert np.abs(command.values - HOME).max() < 0.1


def test_an_arm_that_strays_in_motion_is_braked_from_where_it_was_told_to_be():
    """To take up the measured pose at once would be a jump by the whole limit in one period."""
    controller, time_s = make(settings=ControlSettings(following_limit_rad=0.05)), 0.0
    goal = HOME + np.array([0.5, 0, 0, 0, 0, 0])
    path = JointTrajectory(np.array([0.0, 1.0]), np.array([HOME, goal]), np.zeros((2, 6)))
    controller.start_trajectory(path, Tolerances(path=0.0), HOME)
    q, told, moving_stopped = HOME.copy(), [HOME, HOME], 0
    for _ in range(600):
        behind = HOME + 0.5 * (told[-1] - HOME)  # follows by half
        state, q = ArmState(time_s, behind, (behind - q) / DT, np.zeros(6)), behind
        command = controller.tick(state, None, time_s).values.copy()
        time_s += DT
        is_stopped = controller.report.mode is ControllerMode.STOPPED
        if is_stopped and np.abs(state.dq).max() <= 0.05:
            break
        moving_stopped += is_stopped
        told.append(command)
    assert isinstance(controller.report.fault, FollowingError)
    assert moving_stopped > 1
    rates = np.diff(told, axis=0) / DT
    assert np.abs(np.diff(rates, axis=0)).max() <= 40.0 * DT + 1e-9
    assert command == pytest.approx(behind, abs=1e-3), "at rest it is held where it is"


def test_an_arm_that_was_moved_at_rest_is_held_where_it_is():
    controller = make()
    controller.tick(ArmState(0.0, HOME, np.zeros(6), np.zeros(6)), None, 0.0)
    elsewhere = ArmState(DT, HOME + 0.4, np.zeros(6), np.zeros(6))
    assert controller.tick(elsewhere, None, DT).values == pytest.approx(HOME + 0.4)
    assert controller.report.fault is None


def test_the_law_is_chosen_by_what_the_arm_takes():
    assert preferred_mode(frozenset({CommandMode.EFFORT, CommandMode.POSITION})) is CommandMode.EFFORT
    assert preferred_mode(frozenset({CommandMode.POSITION, CommandMode.VELOCITY})) is CommandMode.POSITION
    with pytest.raises(CommandModeError, match="the arm takes velocity; the controller needs one of effort, position"):
        preferred_mode(frozenset({CommandMode.VELOCITY}))


def test_an_arm_that_is_moved_after_its_stream_ended_stays_where_it_was_moved_to():
    controller, X = make(), MODEL.dynamics(HOME).X_base_tcp
    time_s = 0.0
    for _ in range(50):
        controller.command_compliance(ComplianceCommand(time_s, X, np.eye(4), K), time_s)
        controller.tick(ArmState(time_s, HOME, np.zeros(6), np.zeros(6)), None, time_s)
        time_s += DT
    elsewhere = HOME + np.array([0.0, 0.0, 0.0, 0.4, 0.0, 0.0])
    end_s = time_s + 0.3  # stale, and not yet a fault
    told = HOME
    while time_s < end_s:
        q = HOME if time_s < end_s - 0.1 else elsewhere
        told = controller.tick(ArmState(time_s, q, np.zeros(6), np.zeros(6)), None, time_s).values
        time_s += DT
    assert controller.report.fault is None
    assert controller.report.mode is ControllerMode.HOLD
    np.testing.assert_allclose(told, elsewhere, atol=1e-6)
