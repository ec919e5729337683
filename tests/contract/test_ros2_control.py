"""What is special about an arm behind standard interfaces: names, what must be there, a stream without time-out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cablecell.composition.machines import NoExtras
from cablecell.composition.robot_description import load_robot_description
from cablecell.composition.ros2_control_backend import make_backend
from cablecell.configuration import config_folder, load_robot
from cablecell.core.config.documents import DocumentError
from cablecell.core.config.robot import parse_robot
from cablecell.core.control.model import JointLimits
from cablecell.core.errors import HardwareError, MachineMissingError, StaleStateError
from cablecell.core.geometry import pose_from_xyz_rpy
from cablecell.core.motion.model import RobotModel
from cablecell.hardware.mock import MockMachine
from cablecell.hardware.ros2_control import Ros2ControlMachine
from cablecell.hardware.transport import WrenchReport
from cablecell.ports import CommandMode, JointCommand
from tests.contract.backends import FULL_TURN, PERIOD_S, ROBOT_FILE
from tests.support.fake_robot import FakeRobot

SETTINGS = load_robot(ROBOT_FILE)
LIMITS = JointLimits(-FULL_TURN, FULL_TURN, np.full(6, np.pi), np.full(6, 150.0))
HOME = np.array([-0.16, -1.354, -1.665, -1.693, 1.571, 1.411])


def make(settings=SETTINGS):
    robot = FakeRobot(settings, MockMachine(tuple(settings.joints), LIMITS, HOME))
    return robot, Ros2ControlMachine(settings, LIMITS, robot, 1.0 / PERIOD_S)


def position(machine, q):
    machine.arm.command(JointCommand(CommandMode.POSITION, q))
    machine.cycle(PERIOD_S)


def test_joints_are_found_by_name_in_whatever_order_they_come():
    robot, machine = make()
    assert robot.names != machine.arm.joint_names
    machine.connect()
    assert machine.arm.read().q == pytest.approx(HOME)
    robot.names = (*machine.arm.joint_names, "left_finger_joint")
    machine.arm.read()
    assert machine.gripper.read().width_m == pytest.approx(0.05)


@pytest.mark.parametrize("part", ["joint_states", "wrench", "position_commands", "gripper_command"])
def test_connecting_names_what_is_missing(part):
    robot, machine = make()
    topic = getattr(SETTINGS.topics, part)
    robot.silent.add(topic)
    with pytest.raises(MachineMissingError, match=f"'loopback' is not there after 20.0 s; missing: {topic}$"):
        machine.connect()
    assert not robot.is_open
    robot.silent.clear()
    machine.connect()
    assert machine.arm.read().q == pytest.approx(HOME)


def test_a_robot_with_other_joints_is_refused_by_the_name_of_the_joint():
    robot, machine = make()
    robot.names = ("left_finger_joint", *(f"other_{name}" for name in SETTINGS.joints))
    with pytest.raises(
        MachineMissingError, match="has no joint 'shoulder_pan_joint'; it has left_finger_joint, other_"
    ):
        machine.connect()
    assert not robot.is_open


def test_a_robot_that_reports_at_another_rate_is_refused():
    """Its reports pace the loop: at 100 Hz everything would be five times too slow, and a stop would be a blow."""
    robot, machine = make()
    robot.every = 5
    with pytest.raises(MachineMissingError, match="joint_states comes at 100 Hz; rate_hz of the controller is 500 Hz"):
        machine.connect()
    assert not robot.is_open
    robot.every = 1
    machine.connect()


def test_a_joint_state_that_is_lost_is_waited_for_and_is_no_lost_link():
    robot, machine = make()
    machine.connect()
    robot.every = 3  # two of three are lost
    for _ in range(20):
        machine.cycle(PERIOD_S)
        assert machine.arm.read().stamp_s == pytest.approx(machine.clock.now_s())


def test_a_wrench_in_another_frame_is_refused():
    robot, machine = make()
    robot.frame = "tool0_controller"
    with pytest.raises(MachineMissingError, match="is in frame 'tool0_controller'; 'ft_frame' is configured"):
        machine.connect()


def test_a_sensor_with_the_opposite_sign_is_turned_round():
    settings = SETTINGS.model_copy(update={"wrench": SETTINGS.wrench.model_copy(update={"is_on_tool": False})})
    robot, machine = make(settings)
    machine.connect()
    robot._wrench = type(robot.wrench)(robot.now_s(), "ft_frame", [1.0, 2.0, 3.0, 0.1, 0.2, 0.3])
    sample = machine.wrench_sensor.read()
    assert sample.force.tolist() == [-1.0, -2.0, -3.0]
    assert sample.torque.tolist() == [-0.1, -0.2, -0.3]


def test_the_gripper_is_told_positions_of_its_joint_and_not_widths():
    """As a GripperActionController takes them: one finger moves half the width."""
    robot, machine = make()
    machine.connect()
    machine.gripper.command(0.03, 20.0)
    assert robot.grips == [(pytest.approx(0.015), 20.0)]
    for _ in range(300):
        machine.cycle(PERIOD_S)
    assert machine.gripper.read().width_m == pytest.approx(0.03)


def test_a_lost_state_ends_the_stream_and_does_not_move_an_arm_that_stands():
    """Nothing is sent while a state is waited for, so the robot holds: braking then from the old speed was a blow."""
    robot, machine = make()
    machine.connect()
    q = HOME.copy()
    for _ in range(150):
        q[0] += 1.5 * PERIOD_S
        position(machine, q)
    robot.silent.add(SETTINGS.topics.joint_states)
    lost_s, count = robot.now_s(), len(robot.sent)
    machine.cycle(PERIOD_S)  # as long as a state may stay out
    with pytest.raises(StaleStateError, match=f"{SETTINGS.topics.joint_states} is stale"):
        machine.arm.read()
    stands = robot.machine.arm.read().q
    machine.arm.stop()
    assert robot.now_s() - lost_s < 0.2
    assert len(robot.sent) == count
    assert robot.machine.arm.read().q.tolist() == stands.tolist()


def test_a_stream_that_is_stopped_is_braked_because_the_robot_would_hold_its_last_step():
    robot, machine = make()
    machine.connect()
    q = HOME.copy()
    for _ in range(150):
        q[0] += 1.5 * PERIOD_S
        position(machine, q)
    count = len(robot.sent)
    machine.arm.stop()
    rates = np.diff([values[0] for _, values in robot.sent]) / PERIOD_S
    assert rates[-1] == pytest.approx(0.0, abs=40.0 * PERIOD_S + 1e-9)
    assert np.abs(np.diff(rates[count - 2 :])).max() <= 40.0 * PERIOD_S + 1e-9
    count = len(robot.sent)
    machine.arm.stop()
    assert len(robot.sent) == count, "what has been braked is not streamed again"


def test_a_stop_streams_until_it_rests_also_on_a_slow_machine():
    """Whatever it leaves, the robot holds: a stream that ends in motion ends in a blow."""
    limits = SETTINGS.limits.model_copy(update={"acceleration_rad_per_s2": 18.0})
    robot, machine = make(SETTINGS.model_copy(update={"limits": limits}))
    pause = robot.pause
    robot.pause = lambda duration_s: pause(3.0 * duration_s)
    machine.connect()
    q = HOME.copy()
    for _ in range(100):
        q[0] += 3.0 * PERIOD_S
        position(machine, q)
    machine.arm.stop()
    first = np.array([values[0] for _, values in robot.sent])
    assert abs(first[-1] - first[-2]) <= 18.0 * PERIOD_S**2 + 1e-9


@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        ("limits", "acceleration_rad_per_s2", 20.0, "0.277 s from a lost link to rest"),
        ("watch", "state_age_limit_s", 0.15, "0.2285 s from a lost link to rest"),
        ("watch", "wrench_age_limit_s", 0.15, "0.2285 s from a lost link to rest"),
    ],
)
def test_limits_with_which_a_lost_link_cannot_end_in_time_are_refused(section, key, value, message):
    document = SETTINGS.model_dump()
    document[section][key] = value
    with pytest.raises(DocumentError, match=f"{message}.*the limit is 0.2 s"):
        parse_robot(document, "arm.yaml")


def test_the_stream_starts_where_the_arm_is_and_not_where_it_was():
    robot, machine = make()
    machine.connect()
    position(machine, HOME)
    machine.arm.stop()
    for _ in range(200):  # somebody moves it by hand
        robot.machine.arm.command(JointCommand(CommandMode.POSITION, robot.machine.arm.read().q + 0.002))
        machine.cycle(PERIOD_S)
    here = machine.arm.read().q
    assert np.abs(here - HOME).max() > 0.3
    sent = machine.arm.command(JointCommand(CommandMode.POSITION, HOME)).values
    assert np.abs(sent - here).max() <= np.pi * PERIOD_S + 1e-9


def test_an_arm_that_somebody_moved_is_not_pulled_back():
    robot, machine = make()
    machine.connect()
    position(machine, HOME)
    robot.machine.disconnect()
    robot.machine.arm._home = HOME + 0.5
    robot.machine.connect()
    machine.cycle(PERIOD_S)
    sent = machine.arm.command(JointCommand(CommandMode.POSITION, HOME + 0.5)).values
    assert sent == pytest.approx(HOME + 0.5)


def test_an_arm_that_lags_far_behind_in_motion_gets_no_jump():
    robot, machine = make()
    machine.connect()
    position(machine, HOME)
    report = robot.joints
    robot._joints = replace(report, positions=np.add(report.positions, 0.5), velocities=[0.0, *[1.0] * 6])
    sent = machine.arm.command(JointCommand(CommandMode.POSITION, HOME)).values
    assert sent == pytest.approx(HOME, abs=np.pi * PERIOD_S)


def test_a_state_that_is_not_finite_is_a_fault_and_no_state():
    robot, machine = make()
    machine.connect()
    robot._joints = replace(robot.joints, positions=[0.0, np.nan, *HOME[1:]])
    with pytest.raises(HardwareError, match="joint_states holds positions or velocities that are not finite"):
        machine.arm.read()


def test_as_a_backend_it_says_by_data_that_it_is_told_positions():
    robot, _ = make()
    backend = make_backend(SETTINGS, robot, 1.0 / PERIOD_S)
    assert backend.command_mode is CommandMode.POSITION
    loop = backend.contact_loop
    assert loop is not None
    assert loop.delay_s == SETTINGS.response.delay_s
    assert isinstance(backend.make_extras(None), NoExtras)


def test_the_controller_knows_the_speeds_of_the_robot_file():
    """The driver clips to them: a trajectory that is faster is refused, instead of being a fault on its way."""
    limits = SETTINGS.limits.model_copy(update={"velocity_rad_per_s": [0.5, 0.6, 0.7, 9.0, 9.0, 9.0]})
    settings = SETTINGS.model_copy(update={"limits": limits})
    robot, _ = make(settings)
    model = make_backend(settings, robot, 1.0 / PERIOD_S).model
    assert model.joint_limits.velocity[:3].tolist() == [0.5, 0.6, 0.7]
    assert model.joint_limits.velocity[3:].max() < 4.0


def test_a_wrench_of_another_frame_is_carried_to_ours():
    """A push of the tool at a point is the same push, whatever frame the robot reports it in."""
    pose = {"xyz_m": [0.01, -0.02, -0.0245], "rpy_rad": [0.3, -0.4, 2.0]}
    wrench = {"frame": "tool0_controller", "pose_in_ft_frame": pose, "is_on_tool": False}
    settings = parse_robot({**SETTINGS.model_dump(), "wrench": wrench}, "arm.yaml")
    robot, machine = make(settings)
    machine.connect()
    X = pose_from_xyz_rpy(pose["xyz_m"], pose["rpy_rad"])
    point, force = np.array([0.03, 0.05, 0.17]), np.array([1.0, -2.0, 3.0])  # in ft_frame
    in_sensor, arm = X[:3, :3].T @ force, X[:3, :3].T @ (point - X[:3, 3])
    robot._wrench = WrenchReport(robot.now_s(), "tool0_controller", [*-in_sensor, *-np.cross(arm, in_sensor)])
    sample = machine.wrench_sensor.read()
    assert sample.force == pytest.approx(force)
    assert sample.torque == pytest.approx(np.cross(point, force))


def test_a_robot_that_takes_the_weight_away_itself_has_it_not_taken_away_twice():
    for includes_weight, mass_kg in ((True, SETTINGS.tool.mass_kg), (False, 0.0)):
        wrench = SETTINGS.wrench.model_copy(update={"includes_weight": includes_weight})
        settings = SETTINGS.model_copy(update={"wrench": wrench})
        robot, _ = make(settings)
        backend = make_backend(settings, robot, 1.0 / PERIOD_S)
        assert backend.payload().mass_kg == backend.tool_payload.mass_kg == mass_kg


@pytest.mark.parametrize("name", ["loopback", "ur5e"])
def test_the_shipped_files_are_robots(name):
    settings = load_robot(config_folder() / "robots" / f"{name}.yaml")
    assert settings.name == name


def test_the_sensor_of_a_ur_is_where_its_driver_reports():
    """Its frame is the TCP of the pendant, which is to be zero: tool0."""
    settings = load_robot(config_folder() / "robots" / "ur5e.yaml")
    pose = settings.wrench.pose_in_ft_frame
    model = RobotModel(load_robot_description(with_enclosure=False))
    assert pose_from_xyz_rpy(pose.xyz_m, pose.rpy_rad) == pytest.approx(
        model.relative_pose("ft_frame", "tool0"), abs=1e-9
    )
