"""The simulated arm behind a UR controller: what its flange feels, how it stops, its fingers, its address."""

from __future__ import annotations

import contextlib
import socket
from types import SimpleNamespace

import numpy as np
import pytest

from cablecell.composition.loopback import make_robot, make_ur_ports
from cablecell.composition.machines import MachineOptions
from cablecell.composition.simulated_ur import SimulatedUr
from cablecell.core.config.sim_robot import SimRobotParameters
from cablecell.core.errors import AddressTakenError
from cablecell.ros.robot_interfaces import UrInterfaces
from cablecell.simulation.ur.arm import flange_pose
from cablecell.simulation.ur.controller import STANDARD_GRAVITY, Controller
from cablecell.simulation.ur.gripper import GripperPort
from cablecell.simulation.ur.server import RTDE_PORT
from tests.support.rtde.process import own_address

PERIOD_S = 0.002


class Drives:
    """Arrive at once; remember every set-point."""

    def __init__(self):
        self.sent, self.lookahead_s = [], None

    def forward(self, positions):
        self.sent.append(positions)

    def smooth_over(self, lookahead_s):
        self.lookahead_s = lookahead_s


@pytest.fixture(scope="module")
def backend():
    backend, _ = make_robot(MachineOptions(trial="trial_3"))
    backend.machine.connect()
    yield backend
    backend.machine.disconnect()


@pytest.fixture
def drives():
    return Drives()


@pytest.fixture
def ur(backend, drives):
    return SimulatedUr(backend, drives, drives, PERIOD_S)


def look(backend, ur):
    machine = backend.machine
    ur.measure(machine.arm.read(), machine.wrench_sensor.read(), machine.gripper.read())


def test_the_flange_of_the_controller_is_that_of_the_description(backend):
    q = np.array([0.3, -1.2, 1.9, -0.8, -1.4, 0.6])
    X_tcp_tool0 = backend.tool_frames["tool0"]
    R_described = (backend.model.dynamics(q).X_base_tcp @ X_tcp_tool0)[:3, :3]
    # `base` of the controller is turned by half a turn about z against `base_link`.
    assert np.diag([-1.0, -1.0, 1.0]) @ R_described == pytest.approx(flange_pose(q)[:3, :3], abs=1e-4)


def test_it_feels_the_weight_of_tool_and_plug_at_the_flange(backend, ur):
    for _ in range(50):
        backend.machine.cycle(PERIOD_S)
    look(backend, ur)
    force, torque = ur.load()
    # The tool hangs straight down, so that its weight pulls along the flange's z; bias and noise of the sensor remain.
    weight_n = backend.payload().mass_kg * STANDARD_GRAVITY
    assert force[2] == pytest.approx(weight_n, abs=5.0)
    sample = backend.machine.wrench_sensor.read()
    assert torque == pytest.approx(sample.torque + np.cross([0.0, 0.0, 0.0245], sample.force), abs=1e-9)


def test_a_zero_of_the_sensor_turns_with_the_flange(ur):
    robot = Controller(ur)
    ur._wrench = np.array([2.0, -1.0, 0.5, 0.1, 0.2, -0.1])
    robot.zero_sensor()
    ur.q = ur.q + np.array([0.5, 0.3, -0.4, 0.2, 0.9, 1.0])
    robot.step()
    assert robot.snapshot()["actual_TCP_force"] == pytest.approx([0.0] * 6, abs=1e-9)


def test_a_program_that_ends_is_braked_to_rest_and_held(ur, drives):
    q = ur.q.copy()
    for _ in range(100):
        q = q + np.array([1.0, 0.0, 0.0, 0.0, 0.0, -2.0]) * PERIOD_S
        ur.step(q, PERIOD_S)
    heard = len(drives.sent)
    for _ in range(200):
        ur.step(None, PERIOD_S)
    braking = np.diff([*drives.sent[heard - 2 :]], axis=0) / PERIOD_S
    assert np.abs(np.diff(braking, axis=0)).max() / PERIOD_S < 25.1
    assert np.abs(braking[-1]).max() < 25.0 * PERIOD_S
    assert 2.0 / 25.0 <= (len(drives.sent) - heard) * PERIOD_S < 0.1, "it stops, and is told nothing more"


def test_set_points_are_smoothed_as_the_program_says(ur, drives):
    robot = Controller(ur)
    robot.start_program()
    for i, value in enumerate([*ur.q.tolist(), 0.0, 0.0, 0.002, 0.05, 500.0]):
        robot.write(f"input_double_register_{i}", value)
    robot.write("input_int_register_0", 11)
    robot.step()
    assert drives.lookahead_s == 0.05
    assert drives.sent[-1] == pytest.approx(ur.q)


def test_what_is_held_since_before_the_connection_is_said(backend, ur):
    look(backend, ur)
    port = GripperPort(ur)
    assert ur.is_holding
    assert port._answer(["GET", "OBJ"]) == "OBJ 2"
    force = int(port._answer(["GET", "FOR"]).split()[1])
    assert force / 255 * 130.0 == pytest.approx(ur.force_n, abs=0.5)
    assert port._answer(["GET", "POS"]) == f"POS {round(255 * (1 - ur.width_m / 0.05))}"


def test_the_fingers_let_go(backend, ur):
    port = GripperPort(ur)
    for line in ("SET ACT 1", "SET GTO 1", "SET POS 0 SPE 255 FOR 100"):
        assert port._answer(line.split()) == "ack"
    ur.grip()
    for _ in range(500):
        backend.machine.cycle(PERIOD_S)
    look(backend, ur)
    assert ur.width_m == pytest.approx(0.05, abs=1e-3)
    assert not ur.is_holding
    assert port._answer(["GET", "OBJ"]) == "OBJ 3"


def test_two_robots_do_not_share_an_address(ur):
    settings = SimRobotParameters(rtde_address=own_address())
    first = make_ur_ports(ur, settings)
    try:
        with pytest.raises(AddressTakenError, match="no UR controller can listen at 127") as caught:
            make_ur_ports(ur, settings)
        assert caught.value.code == 808
    finally:
        first.close()
    make_ur_ports(ur, settings).close()


def test_a_link_is_cut_and_mended_at_the_robot(backend, drives):
    node = SimpleNamespace(get_logger=lambda: SimpleNamespace(info=lambda text: None))
    robot = UrInterfaces(node, backend, drives, SimRobotParameters(rtde_address=own_address()))

    def ask():
        """Return what comes of asking for a version of the protocol; empty: the connection was closed."""
        peer.sendall(b"\x00\x05V\x00\x02")
        return peer.recv(16)

    def connect():
        return socket.create_connection((own_address(), RTDE_PORT), timeout=5.0)

    try:
        with connect() as peer:
            assert ask() == b"\x00\x04V\x01"
            robot.cut("pulled")
            peer.settimeout(0.1)
            with pytest.raises(TimeoutError):
                ask()
            peer.settimeout(5.0)
            robot.cut(None)
            assert peer.recv(16) == b"\x00\x04V\x01", "it comes late"
            robot.cut("closed")
            assert peer.recv(16) == b""
        with connect() as peer, contextlib.suppress(ConnectionError):
            assert ask() == b""
        with pytest.raises(ValueError, match=r"link = 'melted' is no way to cut it; valid are pulled, closed"):
            robot.cut("melted")
        robot.cut(None)
        with connect() as peer:
            assert ask() == b"\x00\x04V\x01"
    finally:
        robot.destroy()
