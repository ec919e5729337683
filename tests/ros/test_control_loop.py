"""The control loop without ROS around it: what it forgets when it is started again."""

from __future__ import annotations

import contextlib
import threading
import time

import numpy as np
import pytest

from cablecell.composition.loopback import make_servo
from cablecell.composition.machines import MachineOptions, make_machine
from cablecell.core.config.arm_controller import ArmControllerParameters
from cablecell.core.config.sim_robot import SimRobotParameters
from cablecell.core.control.errors import ExecutionError
from cablecell.core.control.modes import ControllerMode
from cablecell.core.control.trajectory import JointTrajectory, Tolerances
from cablecell.core.errors import StaleStateError
from cablecell.ros.arm_errors import LoopBusyError
from cablecell.ros.control_loop import ControlLoop
from cablecell.ros.heartbeat_watch import HeartbeatWatch
from cablecell.ros.robot_loop import RobotLoop
from tests.support import recorded
from tests.support.wait import wait_until

TURN = np.array([1.0, 0.0, 0.0, 0.0, 0.0, 0.0])


@contextlib.contextmanager
def control_loop(kind, **options):
    backend = make_machine(kind, MachineOptions(**options))
    backend.machine.connect()
    loop = ControlLoop(backend, ArmControllerParameters(), lambda cycle: None, HeartbeatWatch(0.0))
    yield backend.machine, loop
    loop.stop()
    backend.machine.disconnect()


@contextlib.contextmanager
def robot_loop():
    backend = make_machine("sim", MachineOptions())
    backend.machine.connect()
    settings = SimRobotParameters()
    loop = RobotLoop(backend, settings, make_servo(backend.machine, settings), lambda cycle: None)
    yield backend.machine, loop
    loop.stop()
    backend.machine.disconnect()


LOOPS = {
    "mock": lambda: control_loop("mock"),
    "sim": lambda: control_loop("sim"),
    "robot": robot_loop,
}


def cycles(loop, count=50):
    """Let some cycles pass."""
    begun = loop.last.number if loop.last is not None else 0
    wait_until(lambda: loop.fault or (loop.last is not None and loop.last.number >= begun + count), what="cycles")
    assert loop.fault is None


def begin_turn(machine, loop):
    """Start a long trajectory of the first joint and wait until it moves."""
    cycles(loop, 5)
    q = machine.arm.read().q
    path = JointTrajectory(np.array([0.0, 3.0]), np.array([q, q + TURN]), np.zeros((2, 6)))
    loop.request(lambda: loop.controller.start_trajectory(path, Tolerances(path=0.0), loop.measured_q()))
    wait_until(lambda: loop.last.state.q[0] - q[0] > 0.05, what="motion")


@pytest.mark.parametrize("kind", sorted(LOOPS))
def test_a_trajectory_does_not_go_on_when_the_loop_is_started_again(kind):
    with LOOPS[kind]() as (machine, loop):
        loop.start()
        begin_turn(machine, loop)
        loop.stop()
        for _ in range(150):  # it brakes
            machine.cycle(0.002)
        rest = machine.arm.read().q
        loop.start()
        cycles(loop, 250)
        assert loop.last.report.mode is ControllerMode.HOLD
        assert np.abs(loop.last.state.q - rest).max() < 0.01


def test_a_robot_whose_first_state_is_old_is_waited_for():
    """While rubbish is collected and memory is locked nothing is received, which is no fault of the link."""
    with control_loop("mock") as (machine, loop):
        machine.is_linked = False
        for _ in range(100):
            machine.cycle(0.01)
        with pytest.raises(StaleStateError):
            machine.arm.read()
        loop.start()
        time.sleep(0.05)  # nothing is to happen in it
        assert loop.last is None
        machine.is_linked = True
        cycles(loop)


def test_a_robot_that_stays_silent_is_not_waited_for_long():
    with control_loop("mock") as (machine, loop):
        machine.is_linked = False
        for _ in range(100):
            machine.cycle(0.01)
        loop.start()
        wait_until(lambda: loop.fault is not None, what="a fault")
        assert isinstance(loop.fault, StaleStateError)
        assert loop.last is None


def test_an_arm_that_was_moved_meanwhile_is_held_where_it_is():
    """By less than what is taken for a stray arm: it would be pulled back."""
    with control_loop("mock") as (machine, loop):
        loop.start()
        cycles(loop)
        loop.stop()
        machine.disconnect()
        machine.arm._home = here = machine.arm._home + 0.1
        machine.connect()
        loop.start()
        cycles(loop)
        assert np.abs(loop.last.state.q - here).max() < 1e-6


def test_a_command_from_before_is_not_carried_out():
    with control_loop("mock") as (_, loop):
        loop.stream(object(), 0)  # the loop would end by a fault if it looked at it
        loop.start()
        cycles(loop)


def test_a_set_point_from_before_is_not_carried_out():
    with robot_loop() as (machine, loop):
        q = machine.arm.read().q
        near = q + 0.01 * TURN  # near enough to be taken up
        loop.forward(near)
        loop.start()
        cycles(loop)
        assert abs(loop.last.state.q[0] - q[0]) < 0.002
        loop.forward(near)
        wait_until(lambda: loop.last.state.q[0] - q[0] > 0.005, what="motion")


def test_a_stop_stays_a_stop():
    with control_loop("mock") as (_, loop):
        loop.start()
        cycles(loop, 5)
        loop.request(lambda: loop.controller.stop(ExecutionError("stopped by request", quantity="stop")))
        loop.stop()
        loop.start()
        cycles(loop, 5)
        assert loop.last.report.mode is ControllerMode.STOPPED
        assert str(loop.last.report.fault) == "stopped by request"


@pytest.mark.parametrize("stays_valid", [True, False])
def test_a_stop_is_carried_out_even_when_nobody_waits_for_it_any_more(stays_valid):
    with control_loop("mock") as (_, loop):
        loop.start()
        cycles(loop, 5)
        go_on = threading.Event()
        holder = threading.Thread(target=lambda: loop.request(lambda: go_on.wait(5.0), deadline_s=10.0))
        holder.start()
        fault = ExecutionError("stopped by request", quantity="stop")
        with pytest.raises(LoopBusyError, match=r"did not finish within 0\.05 s"):
            loop.request(lambda: loop.controller.stop(fault), deadline_s=0.05, stays_valid=stays_valid)
        go_on.set()
        holder.join()
        cycles(loop, 5)
        assert (loop.last.report.mode is ControllerMode.STOPPED) == stays_valid


def test_a_recorded_arm_is_followed_and_not_moved(tmp_path):
    """A motion that somebody else makes is nobody's fault; a trajectory that it does not follow is told so."""
    path = recorded.write(tmp_path / "run.mcap", 30.0)
    with control_loop("replay", recording=str(path)) as (machine, loop):
        loop.start()
        wait_until(lambda: loop.fault or machine.clock.now_s() > recorded.REST_S + recorded.TURN_S + 0.2)
        assert loop.fault is None
        assert loop.controller.report.fault is None
        q = recorded.q_at(5.0)
        assert loop.last.state.q == pytest.approx(q, abs=1e-6)
        path = JointTrajectory(np.array([0.0, 3.0]), np.array([q, q + TURN]), np.zeros((2, 6)))
        loop.request(lambda: loop.controller.start_trajectory(path, Tolerances(path=0.0), loop.measured_q()))
        wait_until(lambda: loop.controller.report.fault is not None, what="a fault")
        assert loop.controller.report.fault.code == 319
        assert "the arm does not take commands" in str(loop.controller.report.fault)
        assert loop.fault is None
