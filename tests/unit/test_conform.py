"""`cell conform`: what passes, what fails, who is asked before what, and a report that shows when it was changed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from cablecell.cli import app
from cablecell.composition.machines import MachineOptions, make_machine
from cablecell.composition.ros2_control_backend import make_backend
from cablecell.configuration import load_robot
from cablecell.core.config.trial import JOINT_NAMES, HomeJoints
from cablecell.core.control.model import JointLimits
from cablecell.evaluation import conform
from cablecell.evaluation.conform import FAILED, LEFT_OUT, NOT_DONE, PASSED, ConformOptions, Procedure
from cablecell.evaluation.reports.conformance import ConformanceReportError, read_report, require_new, write_report
from cablecell.evaluation.reports.document import ReportFileError
from cablecell.hardware.contract import CHECKS
from cablecell.hardware.mock import MockMachine
from cablecell.hardware.ros2_control import Ros2ControlMachine
from cablecell.ports import CommandMode, GripperState, JointCommand
from tests.contract.backends import FULL_TURN, ROBOT_FILE
from tests.support.fake_robot import FakeRobot


def cell(*words: str, said: str = "") -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["conform", *words], input=said)
    return done.exit_code, done.stdout, done.stderr


def states(report) -> dict[str, str]:
    return {check["key"]: check["state"] for check in report["checks"]}


@pytest.fixture(scope="module")
def ideal():
    return make_machine("mock", MachineOptions())


@pytest.fixture(scope="module")
def behind_ros2_control():
    settings = load_robot(ROBOT_FILE)
    return make_backend(settings, _robot(settings), 500.0)


def _robot(settings) -> FakeRobot:
    limits = JointLimits(-FULL_TURN, FULL_TURN, np.full(6, np.pi), np.full(6, 150.0))
    return FakeRobot(settings, MockMachine(JOINT_NAMES, limits, np.array(HomeJoints().in_order())))


@pytest.fixture
def robot(monkeypatch, behind_ros2_control):
    """A robot behind ros2_control in this process: not simulated, as far as the procedure knows."""
    settings = load_robot(ROBOT_FILE)
    robot = _robot(settings)
    machine = Ros2ControlMachine(settings, behind_ros2_control.model.joint_limits, robot, 500.0)
    backend = replace(behind_ros2_control, machine=machine)
    monkeypatch.setattr(conform, "make_machine", lambda kind, options: backend)
    return robot


def run(ask, **options) -> dict:
    told: list[str] = []
    chosen = ConformOptions("ros2_control", MachineOptions(), "A. Tester", **options)
    report = Procedure(chosen, ask, told.append).run()
    assert len([line for line in told if not line.startswith("            ")]) == len(report["checks"])
    return report


def test_a_simulated_machine_passes_without_a_question(tmp_path):
    path = tmp_path / "mock.json"
    code, out, err = cell("hardware:=mock", "--name", "A. Tester", "--serial", "SN-7", "--yes", "--out", str(path))
    assert (code, err) == (0, "")
    assert out.endswith(f"passed: {path} and {path.with_suffix('.html')}\n")
    report = read_report(path)
    assert set(states(report)) == {check.key for check in CHECKS} | {"connect"}
    assert set(states(report).values()) == {PASSED}
    assert (report["person"], report["serial"], report["is_simulated"]) == ("A. Tester", "SN-7", True)
    page = path.with_suffix(".html").read_text(encoding="utf-8")
    for words in ("A. Tester", "SN-7", report["sha256"], "says nothing about a real arm", "time to rest"):
        assert words in page
    assert cell("--verify", "--out", str(path))[0] == 0
    code, _, err = cell("hardware:=mock", "--name", "B", "--yes", "--out", str(path))
    assert (code, "is there already; a report is not overwritten" in err) == (2, True)


def test_a_changed_report_is_noticed(tmp_path):
    path = tmp_path / "report.json"
    assert cell("hardware:=mock", "--name", "A", "--yes", "--out", str(path))[0] == 0
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"person": "A"', '"person": "B"'), encoding="utf-8")
    with pytest.raises(ConformanceReportError, match="was changed after it was signed") as caught:
        read_report(path)
    assert caught.value.code == 870
    assert cell("--verify", "--out", str(path))[0] == 2
    for wrong in ("{}", "no json", '{"kind": "conformance"}'):
        path.write_text(wrong, encoding="utf-8")
        with pytest.raises(ConformanceReportError):
            read_report(path)
    with pytest.raises(ReportFileError, match=r"is a \.json file"):
        require_new(tmp_path / "report.html")
    with pytest.raises(ReportFileError, match="cannot be written"):
        write_report(path / "below" / "x.json", {})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("hardware:=ros2_control", "--name", "A", "--yes"), "--yes is for mock and sim only"),
        (("hardware:=mock", "--yes"), "needs the name of the person"),
        (("hardware:=mock", "--name", " ", "--yes"), "needs the name of the person"),
        (("--name", "A"), "usage: conform hardware:=NAME"),
        (("hardware:=mock", "hardwear:=sim", "--name", "A"), "'hardwear' is not known"),
        (("hardware:=mock", "seed:=x", "--name", "A"), "seed:=x is no whole number"),
        (("hardware:=simm", "--name", "A"), "code 902: hardware = 'simm' is not a kind of machine"),
        (("hardware:=ros2_control", "--name", "A"), "code 900: robot_file is empty"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_written(tmp_path, words, said):
    code, _, err = cell(*words, "--out", str(tmp_path / "r.json"))
    assert code == 2
    assert said in err
    assert not any(tmp_path.iterdir())


def test_a_real_machine_is_asked_about_every_motion_and_moves_slowly(robot):
    asked, told_at = [], []

    def ask(question: str) -> bool:
        asked.append(question)
        told_at.append(len(robot.sent))
        if "Pull the network cable" in question:
            robot.silent.add(robot._settings.topics.joint_states)
        if "Plug the cable in" in question:
            robot.silent.clear()
        return True

    report = run(ask, serial="20235500001")
    assert states(report) == {**dict.fromkeys(states(report), PASSED), "jump": LEFT_OUT}
    assert report["verdict"] == PASSED
    assert report["checks"][-1]["key"] == "link"
    lost = next(one for one in report["checks"][-1]["measured"] if one["what"].startswith("silent"))
    assert 0.12 <= lost["value"] <= 0.13
    moving = [check for check in CHECKS if check.motion is not None and not check.is_abrupt]
    assert len(asked) == 1 + len(moving) + 2
    assert any("turns by +0.30 rad (17 deg) at 0.30 rad/s, and is stopped" in question for question in asked)
    # Nothing was sent before the first motion was agreed to, and nothing ever faster than was said.
    assert told_at[:2] == [0, 0]
    sent = np.array([q for _, q in robot.sent])
    speeds = np.abs(np.diff(sent, axis=0)).max(axis=0) / 0.002
    assert speeds[:5].max() == 0.0
    assert speeds[5] <= 0.5 + 1.0e-6  # the first set-point of a new connection is a step of 1 mrad
    assert np.ptp(sent[:, 5]) < 0.6


@pytest.mark.parametrize("refused", ["Connecting takes control", "is told to hold", "turns by", "the fingers go"])
def test_without_a_yes_nothing_is_done(robot, refused):
    report = run(lambda question: refused not in question and "Pull" not in question)
    done = states(report)
    assert report["verdict"] == "passed, not all was done"
    missing = {key for key, state in done.items() if state == NOT_DONE}
    if refused.startswith("Connecting"):
        assert missing == {check.key for check in CHECKS if check.is_connected} | {"link"}
        assert not robot.is_open
    else:
        assert (
            missing
            == {
                "is told to hold": {"bad_commands", "link"},
                "turns by": {"follows", "stop", "comes_back", "link"},
                "the fingers go": {"gripper", "link"},
            }[refused]
        )
    if refused == "turns by":
        sent = np.array([q for _, q in robot.sent])
        assert np.ptp(sent, axis=0).max() == 0.0
    if refused == "the fingers go":
        assert robot.grips == []


def test_answers_are_typed_in_full(robot, tmp_path):
    words = ("hardware:=ros2_control", "--name", "A", "--out", str(tmp_path / "r.json"))
    code, out, _ = cell(*words, said="y\n" * 20)
    assert code == 1
    assert "the person did not agree to connect" in out
    assert robot.sent == []


def test_a_cable_that_nobody_pulls_is_no_loss(robot, monkeypatch):
    monkeypatch.setattr(conform, "PULL_LIMIT_S", 0.5)
    report = run(lambda question: "turns" not in question)
    assert states(report)["link"] == FAILED
    assert report["verdict"] == FAILED


def test_after_a_failure_a_real_machine_does_not_go_on(robot):
    robot.send_positions = lambda positions: None  # its brakes are on
    report = run(lambda question: True)
    done = states(report)
    assert done["follows"] == FAILED
    assert [done[key] for key in ("stop", "gripper", "comes_back", "link")] == [NOT_DONE] * 4
    assert report["checks"][-1]["remark"] == "'The arm goes where it is sent' failed before"


def _sabotage(machine, key):
    """Break one promise of an ideal machine."""
    arm, gripper = machine.arm, machine.gripper
    read, command = arm.read, arm.command
    if key == "knows_itself":
        arm._names = (*JOINT_NAMES[:5], JOINT_NAMES[0])
    elif key == "unconnected":
        gripper.read = lambda: GripperState(0.0, 0.0, 0.0, is_holding=False)
    elif key == "readable":
        arm.read = lambda: replace(read(), stamp_s=read().stamp_s - 1.0)
    elif key == "time":
        arm.read = lambda: replace(read(), stamp_s=0.0)
    elif key == "still":
        arm.read = lambda: replace(read(), q=read().q + 0.001 * machine.clock.now_s())
    elif key in ("bad_commands", "modes"):
        arm.command = lambda asked: command(
            JointCommand(CommandMode.POSITION, np.nan_to_num(np.resize(asked.values, 6), posinf=0.0))
        )
    elif key == "jump":
        arm.command = lambda asked: JointCommand(asked.mode, asked.values) if command(asked) else asked
    elif key == "follows":
        arm.read = lambda: replace(read(), q=0.9 * read().q)
    elif key == "stop":
        arm.stop = lambda: command(JointCommand(CommandMode.VELOCITY, np.full(6, 0.05)))
    elif key == "gripper":
        gripper.command = lambda width_m, force_n: None
    elif key == "comes_back":
        connect = machine.connect

        def connect_and_turn():
            if arm._state is None:
                arm._home = arm._home + 0.5
            connect()
            machine.clock._now_s = 0.0

        machine.connect = connect_and_turn


@pytest.mark.parametrize("key", [check.key for check in CHECKS])
def test_every_check_can_fail(monkeypatch, ideal, key):
    limits = ideal.model.joint_limits
    backend = replace(ideal, machine=MockMachine(JOINT_NAMES, limits, np.array(HomeJoints().in_order())))
    _sabotage(backend.machine, key)
    monkeypatch.setattr(conform, "make_machine", lambda kind, options: backend)
    report = Procedure(ConformOptions("mock", MachineOptions(), "A"), lambda question: True, lambda text: None).run()
    assert states(report)[key] == FAILED
    assert report["verdict"] == FAILED


def test_a_driver_that_raises_anything_fails_and_the_report_is_written(monkeypatch, ideal):
    limits = ideal.model.joint_limits
    machine = MockMachine(JOINT_NAMES, limits, np.array(HomeJoints().in_order()))
    monkeypatch.setattr(conform, "make_machine", lambda kind, options: replace(ideal, machine=machine))
    procedure = Procedure(ConformOptions("mock", MachineOptions(), "A"), lambda question: True, lambda text: None)

    def explode(*_):
        raise ZeroDivisionError("in the driver")

    machine.gripper.command = machine.wrench_sensor.read = explode
    disconnect, machine.disconnect = machine.disconnect, explode
    report = procedure.run()
    assert states(report)["gripper"] == states(report)["readable"] == states(report)["leave"] == FAILED
    remarks = {check["remark"] for check in report["checks"] if check["state"] == FAILED}
    assert remarks == {"ZeroDivisionError: in the driver"}
    machine.connect = explode
    disconnect()
    procedure.results.clear()
    report = procedure.run()
    assert states(report)["connect"] == FAILED
    assert states(report)["follows"] == NOT_DONE


def test_an_interrupt_leaves_the_machine(robot):
    def ask(question: str) -> bool:
        if "turns" in question:
            raise KeyboardInterrupt
        return True

    with pytest.raises(KeyboardInterrupt):
        run(ask)
    assert not robot.is_open
