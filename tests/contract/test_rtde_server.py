"""The controller of the RTDE tests against the real client library: what the library needs of a robot, it finds here.

The library is that of the extra `ur`; where it has no wheel these tests are not run.
"""

from __future__ import annotations

import time

import numpy as np
import pytest

from tests.support.rtde.process import RtdeProcess
from tests.support.wait import wait_until

rtde_control = pytest.importorskip("rtde_control", reason="ur-rtde has no wheel for this machine")
rtde_receive = pytest.importorskip("rtde_receive")
rtde_io = pytest.importorskip("rtde_io")

PERIOD_S = 0.002


@pytest.fixture(scope="module")
def process():
    with RtdeProcess() as process:
        yield process


@pytest.fixture
def robot(process):
    process.reset()
    return process


@pytest.fixture
def receive(robot):
    client = rtde_receive.RTDEReceiveInterface(robot.address, 500.0)
    wait_until(lambda: client.getTimestamp() > 0.0, what="a first package")
    yield client
    client.disconnect()


@pytest.fixture
def control(robot, receive):
    client = rtde_control.RTDEControlInterface(robot.address, 500.0)
    yield client
    client.disconnect()


def servo(control, q, seconds, speed=0.0):
    """Stream set-points of the first joint at a speed; return where it was told to be last."""
    for _ in range(round(seconds / PERIOD_S)):
        q[0] += speed * PERIOD_S
        assert control.servoJ(q, 0.0, 0.0, PERIOD_S, 0.03, 500.0)
        time.sleep(PERIOD_S)
    return q


def test_the_client_reads_at_500_hz(receive):
    stamps = {receive.getTimestamp()}
    wait_until(lambda: stamps.add(receive.getTimestamp()) or len(stamps) > 100, poll_s=PERIOD_S / 4)
    assert np.median(np.diff(sorted(stamps))) == pytest.approx(PERIOD_S, rel=0.01)
    assert receive.getRuntimeState() == 1
    assert receive.getSafetyStatusBits() == 1


def test_the_arm_follows_a_stream_and_stops(robot, receive, control):
    assert control.setWatchdog(5.0)
    q = servo(control, receive.getActualQ(), 0.4, speed=0.5)
    servo(control, q, 0.1)
    assert receive.getActualQ() == pytest.approx(q, abs=2e-3)
    assert control.servoStop(10.0)
    control.stopScript()
    seen = robot.wait_for(lambda seen: seen["runtime_state"] == 1)
    assert seen["program_ends"] == ["stopScript"]
    assert seen["hears"] > 200
    assert seen["bad_packages"] == 0


def test_payload_tare_and_tool_arrive(robot, receive, control):
    """The program's start has zeroed the sensor; a payload that is told afterwards is taken away a second time."""
    wait_until(lambda: max(map(abs, receive.getActualTCPForce())) < 0.01)
    assert control.setTcp([0.0] * 6)
    assert control.setPayload(1.1, [0.0, 0.0, 0.06])
    wait_until(lambda: abs(receive.getActualTCPForce()[2] - 1.1 * 9.80665) < 0.01)
    assert control.zeroFtSensor()
    robot.push(0.0, 3.0, -5.0)
    wait_until(lambda: receive.getActualTCPForce()[:3] == pytest.approx([0.0, 3.0, -5.0], abs=0.01))
    assert robot.look()["payload"] == pytest.approx([1.1, 0.0, 0.0, 0.06])


def test_the_watchdog_ends_a_program_whose_client_is_silent(robot, receive, control):
    assert control.setWatchdog(10.0)
    servo(control, receive.getActualQ(), 0.1, speed=0.5)
    seen = robot.wait_for(lambda seen: seen["runtime_state"] == 1)
    assert seen["program_ends"][0].startswith("watchdog: register 0 was not written for 0.100 s")
    assert control.servoJ(receive.getActualQ(), 0.0, 0.0, PERIOD_S, 0.03, 500.0) is False


def test_a_protective_stop_makes_commands_false_and_nothing_resumes(robot, receive, control):
    servo(control, receive.getActualQ(), 0.1, speed=0.5)
    robot.call("protective_stop")
    wait_until(receive.isProtectiveStopped)
    wait_until(lambda: not control.servoJ(receive.getActualQ(), 0.0, 0.0, PERIOD_S, 0.03, 500.0))
    robot.call("release")
    wait_until(lambda: not receive.isProtectiveStopped())
    assert robot.look()["runtime_state"] == 4


def test_a_second_client_is_refused_the_registers(robot, control):
    with pytest.raises(RuntimeError, match="EtherNet/IP"):
        rtde_control.RTDEControlInterface(robot.address, 500.0)


def test_a_controller_without_remote_control_is_refused(robot):
    robot.server(remote_control=False)
    with pytest.raises(RuntimeError, match="remote control"):
        rtde_control.RTDEControlInterface(robot.address, 500.0)


def test_a_field_that_the_controller_lacks_is_named(robot):
    robot.server(absent=["ft_raw_wrench"])
    with pytest.raises(RuntimeError, match="ft_raw_wrench"):
        rtde_receive.RTDEReceiveInterface(robot.address, 500.0)


def test_a_cable_that_is_pulled_freezes_values_and_nobody_says_so(robot, receive):
    """The trap that the driver watches the timestamp for."""
    robot.weather(is_stalled=True)
    time.sleep(0.05)
    frozen = receive.getTimestamp()
    time.sleep(0.3)
    assert receive.getTimestamp() == frozen
    assert receive.isConnected()
    robot.weather(is_stalled=False)
    wait_until(lambda: receive.getTimestamp() > frozen)


def test_a_link_of_4_ms_with_jitter_and_loss_carries_a_stream(robot, receive, control):
    robot.weather(delay_s=0.004, jitter_s=0.002, loss=0.01)
    q = servo(control, receive.getActualQ(), 1.0, speed=0.3)
    servo(control, q, 0.2)
    assert receive.getActualQ() == pytest.approx(q, abs=2e-3)


def test_the_speed_slider_is_set(robot, receive):
    client = rtde_io.RTDEIOInterface(robot.address)
    assert client.setSpeedSlider(0.25)
    wait_until(lambda: receive.getTargetSpeedFraction() == pytest.approx(0.25))
    client.disconnect()


def test_a_controller_that_restarts_closes_and_can_be_joined_again(robot):
    client = rtde_receive.RTDEReceiveInterface(robot.address, 500.0)
    robot.close_sessions()
    wait_until(lambda: not client.isConnected())
    assert client.reconnect()
    before = client.getTimestamp()
    wait_until(lambda: client.getTimestamp() > before)
    client.disconnect()
