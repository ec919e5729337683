"""What a supervisor keeps of its jobs, and how one goes on after the supervisor was killed in the middle of it."""

import signal
import time

import pytest
from cablecell_interfaces.action import RunJob
from cablecell_interfaces.msg import CellState, JobStatus
from cablecell_interfaces.srv import PackmlCommand
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from std_msgs.msg import Float64

from cablecell.core.supervision.lookback import Answer
from cablecell.core.supervision.packml import State
from cablecell.records.ledger import Ledger
from cablecell.records.ledger_found import note_answer
from cablecell.records.shift import read_shift
from cablecell.ros import qos
from cablecell.ros.action_client import MutualActionClient
from tests.support.graph import GraphClient, Process
from tests.support.supervised import BIN, Partners, SupervisedNodes
from tests.support.wait import wait_until


@pytest.fixture
def client():
    with GraphClient() as graph:
        yield graph


@pytest.fixture
def partners(client):
    made = Partners(client)
    yield made
    made.close()


def send(client, job_id, recipe="aic_sample"):
    action = MutualActionClient(client.node, RunJob, "run_job")
    assert action.wait_for_server(timeout_sec=60.0)
    handle = client.wait_for(action.send_goal_async(RunJob.Goal(job_id=job_id, recipe=recipe)))
    assert handle.accepted
    return handle


def result(client, handle):
    return client.wait_for(handle.get_result_async(), timeout_s=40.0).result


def kill_in_the_second_insertion(client, partners, path):
    """Leave a ledger with one insertion that was begun and not ended, and a skill that is still at it."""
    first = SupervisedNodes(client, f"ledger_file:={path}")
    try:
        first.wait_for(CellState.STATE_IDLE)
        partners.waits_for = 4  # the second step's insertion does not end
        send(client, "shift_7")
        wait_until(lambda: len(partners.begun) == 4, what="the second insertion")
        first.supervisor.send(signal.SIGKILL)
        first.supervisor.wait()
    finally:
        first.close()
    with Ledger(path, writes=False) as ledger:
        assert [row["error_code"] for row in ledger.rows("insertions")] == [0, None]


def inserted(partners):
    return [what.port_name for name, what in partners.calls if name == "insert_connector"]


def test_a_plug_that_was_seated_while_no_supervisor_was_there_is_not_put_in_again(client, partners, tmp_path):
    path = tmp_path / "ledger.db"
    kill_in_the_second_insertion(client, partners, path)
    second = SupervisedNodes(client, f"ledger_file:={path}")
    try:
        wait_until(lambda: "ready after" in second.supervisor.output, timeout_s=60.0, what="the cell to be up again")
        handle = send(client, "shift_7")
        time.sleep(1.0)
        assert len(partners.begun) == 4, "the skill is still at it: nothing is looked at, nothing is moved"
        partners.let_go()
        done = result(client, handle)
        assert (done.error_code, done.status.steps_succeeded) == (0, 3)
    finally:
        second.close()
    assert inserted(partners) == [
        "nic_card_mount_0/sfp_port_0",
        "nic_card_mount_1/sfp_port_0",
        "sc_port_1/sc_port_base",
    ], "each once"
    with Ledger(path, writes=False) as ledger:
        rows = ledger.rows("insertions")
    assert [(row["error_code"], row["found"], row["depth_m"]) for row in rows[:2]] == [
        (0, "", 0.0),
        (0, "report", 0.0458),
    ]
    assert len(rows) == 3


@pytest.mark.parametrize(("answer", "again"), [(Answer.SEATED, 0), (Answer.EMPTY, 1)])
def test_what_no_node_remembers_a_person_is_asked_and_nothing_moves_until_then(
    client, partners, tmp_path, answer, again
):
    path = tmp_path / "ledger.db"
    kill_in_the_second_insertion(client, partners, path)
    partners.let_go(422)
    wait_until(lambda: len(partners.calls) == 8, what="the second insertion to end somehow")
    partners.reset()
    partners.forget()
    second = SupervisedNodes(client, f"ledger_file:={path}")
    try:
        wait_until(lambda: "ready after" in second.supervisor.output, timeout_s=60.0, what="the cell to be up again")
        handle = send(client, "shift_7")
        held = second.wait_for(CellState.STATE_HELD)
        assert held.cause_code in (0, 644)
        assert f"./cell job found {path} seated" in held.reason
        desk = client.node.create_client(PackmlCommand, "packml_command")
        unhold = PackmlCommand.Request(command=PackmlCommand.Request.COMMAND_UNHOLD, requester="operator 7")
        assert client.wait_for(desk.call_async(unhold)).error_code == 0
        helds = [message.state for message in second.states].count(CellState.STATE_HELD)
        wait_until(
            lambda: [message.state for message in second.states].count(CellState.STATE_HELD) > helds,
            what="the question again, because that is no answer",
        )
        assert partners.calls == [], "nobody knows what is in the port: no look, no motion"
        with Ledger(path) as ledger:
            note_answer(ledger, answer, "operator 7", time.time_ns())
        assert result(client, handle).error_code == 0
    finally:
        second.close()
    assert len(inserted(partners)) == 1 + again
    with Ledger(path, writes=False) as ledger:
        rows = ledger.rows("insertions")
        asked = [row for row in ledger.rows("states") if row["cause_code"] == 644]
    assert (rows[1]["error_code"], rows[1]["found"]) == (641 if again else 0, "operator")
    assert all(State(row["state"]) is State.HOLDING for row in asked)
    assert len(asked) == 2


def test_a_question_that_is_not_answered_is_asked_again_by_whatever_job_comes_next(client, partners, tmp_path):
    path = tmp_path / "ledger.db"
    kill_in_the_second_insertion(client, partners, path)
    partners.let_go(422)
    wait_until(lambda: len(partners.calls) == 8, what="the second insertion to end somehow")
    partners.reset()
    second = SupervisedNodes(client, f"ledger_file:={path}")
    try:
        wait_until(lambda: "ready after" in second.supervisor.output, timeout_s=60.0, what="the cell to be up again")
        handle = send(client, "shift_7")
        second.wait_for(CellState.STATE_HELD)
        client.wait_for(handle.cancel_goal_async())
        assert result(client, handle).status.status == JobStatus.STATUS_CANCELED
        wait_until(lambda: second.states[-1].state == CellState.STATE_IDLE, what="the cell to be idle")
        handle = send(client, "another", "trial_3")
        wait_until(lambda: second.states[-1].state == CellState.STATE_HELD, what="the same question")
        assert "job shift_7" in second.states[-1].reason
        assert partners.calls == []
        with Ledger(path) as ledger:
            note_answer(ledger, Answer.SEATED, "operator 7", time.time_ns())
        assert result(client, handle).error_code == 0
    finally:
        second.close()
    assert inserted(partners) == ["sc_port_1/sc_port_base"]


def test_a_job_goes_on_after_its_supervisor_was_killed_and_nothing_is_done_twice(client, partners, tmp_path):
    path = tmp_path / "ledger.db"
    kill_in_the_second_insertion(client, partners, path)
    partners.let_go(404)
    wait_until(lambda: len(partners.calls) == 8, what="the second insertion to fail, the plug clear of the port")
    partners.reset()
    second = SupervisedNodes(client, f"ledger_file:={path}")
    try:
        wait_until(lambda: "ready after" in second.supervisor.output, timeout_s=60.0, what="the cell to be up again")
        done = result(client, send(client, "shift_7"))
        assert (done.error_code, done.status.steps_succeeded) == (0, 3)
        assert done.status.status == JobStatus.STATUS_SUCCEEDED
        assert len(inserted(partners)) == 2, "the first step was done before"
        assert result(client, send(client, "shift_7")).error_code == 642, "it has ended"
    finally:
        second.close()
    with Ledger(path, writes=False) as ledger:
        rows = ledger.rows("insertions")
        ports = ["nic_card_mount_0/sfp_port_0", *["nic_card_mount_1/sfp_port_0"] * 2, "sc_port_1/sc_port_base"]
        assert [row["port"] for row in rows] == ports
        assert [row["error_code"] for row in rows] == [0, 404, 0, 0]
        assert [row["found"] for row in rows] == ["", "report", "", ""]
        assert [row["status"] for row in ledger.rows("jobs")] == [JobStatus.STATUS_SUCCEEDED]
        states = [State(row["state"]) for row in ledger.rows("states")]
        assert states.count(State.EXECUTE) == 2
        for before, after in zip(ledger.rows("states"), ledger.rows("states")[1:], strict=False):
            assert after["previous"] in (before["state"], 0), "no state is missing in the log"


def test_where_only_a_person_can_help_the_job_is_held_with_a_question_and_all_of_it_is_kept(client, partners, tmp_path):
    path = tmp_path / "ledger.db"
    cell = SupervisedNodes(client, f"ledger_file:={path}", "asks_operator:=true")
    try:
        cell.wait_for(CellState.STATE_IDLE)
        partners.insert_errors = [404, 591]
        handle = send(client, "night", "trial_3")
        held = cell.wait_for(CellState.STATE_HELD)
        assert "An axis of the force sensor repeats one value. Exchange the sensor." in held.reason
        desk = client.node.create_client(PackmlCommand, "packml_command")
        request = PackmlCommand.Request(command=PackmlCommand.Request.COMMAND_UNHOLD, requester="operator 7")
        answer = client.wait_for(desk.call_async(request))
        assert answer.error_code == 0
        assert result(client, handle).error_code == 0
    finally:
        cell.close()
    with Ledger(path, writes=False) as ledger:
        assert [row["error_code"] for row in ledger.rows("insertions")] == [404, 591, 0]
        assert [(row["cause_code"], row["action"]) for row in ledger.rows("recoveries")] == [
            *((404, action) for action in ("home", "tare", "look", "retry")),
            (591, "hold"),
        ]
        holding = [row for row in ledger.rows("states") if row["state"] == State.HOLDING]
        assert [row["cause_code"] for row in holding] == [591]


def test_the_energy_of_an_insertion_is_the_difference_of_two_readings(client, partners, tmp_path):
    path = tmp_path / "ledger.db"
    meter = client.node.create_publisher(Float64, "joint_energy", qos.STATE)
    meter.publish(Float64(data=10.0))
    cell = SupervisedNodes(client, f"ledger_file:={path}")
    try:
        cell.wait_for(CellState.STATE_IDLE)
        partners.waits_for = 2
        handle = send(client, "night", "trial_1")
        wait_until(lambda: len(partners.begun) == 2, what="the insertion")
        time.sleep(0.5)
        meter.publish(Float64(data=25.5))
        time.sleep(0.5)
        partners.let_go()
        assert result(client, handle).error_code == 0
    finally:
        cell.close()
    with Ledger(path, writes=False) as ledger:
        assert [row["energy_j"] for row in ledger.rows("insertions")] == [15.5]
        assert [row["meter_j"] for row in ledger.rows("energy")] == [10.0, 25.5]
    figures = read_shift(path).figures
    assert (figures["energy_j"], figures["energy_per_good_part_j"]) == (15.5, 15.5)


def test_a_force_sensor_that_is_well_again_lets_the_arm_go_on_though_its_message_changed_all_the_time(
    client, partners, tmp_path
):
    def say(is_well, silent_s=0.0):
        sensor = DiagnosticStatus(level=DiagnosticStatus.OK, name="arm_controller: force sensor", message="OK")
        loop = DiagnosticStatus(level=DiagnosticStatus.ERROR, name="arm_controller: control loop", message="stopped")
        stopped = {"mode": "stopped", "fault_code": "593"}
        loop.values = [KeyValue(key=key, value=value) for key, value in stopped.items()]
        if not is_well:
            sensor.level, sensor.message = DiagnosticStatus.ERROR, f"no new reading for {silent_s:.3f} s"
            sensor.values = [KeyValue(key="code", value="593")]
        said.publish(DiagnosticArray(status=[loop, sensor]))

    path = tmp_path / "ledger.db"
    cell = SupervisedNodes(client, f"ledger_file:={path}")
    try:
        cell.wait_for(CellState.STATE_IDLE)
        said = client.node.create_publisher(DiagnosticArray, "diagnostics", qos.DIAGNOSTICS)
        wait_until(lambda: said.get_subscription_count() >= 2, what="who hears diagnostics")
        partners.waits_for = 2
        handle = send(client, "night", "trial_1")
        wait_until(lambda: len(partners.begun) == 2, what="the insertion")
        for number in range(15):
            say(is_well=False, silent_s=0.1 * number)
            time.sleep(0.1)
        assert (partners.clears, len(partners.begun)) == (0, 2), "not before the sensor is well"
        say(is_well=True)
        assert result(client, handle).error_code == 0
        assert partners.clears == 1
    finally:
        cell.close()
    with Ledger(path, writes=False) as ledger:
        done = [(row["cause_code"], row["action"], row["error_code"]) for row in ledger.rows("recoveries")]
    assert done == [(593, action, 0) for action in ("wait", "home", "tare", "look", "retry")]


def test_without_its_recorder_no_insertion_begins_until_it_is_there_again(client, partners, tmp_path):
    path, run = tmp_path / "ledger.db", tmp_path / "run.mcap"
    words = ("--ros-args", "-p", "autostart:=true", "-p", f"path:={run}", "-p", "numbers_files:=true")
    cell = SupervisedNodes(client, f"ledger_file:={path}")
    recorders = [Process(BIN / "recorder", *words)]
    try:
        cell.wait_for(CellState.STATE_IDLE)
        wait_until(lambda: "/recorder is heard" in cell.supervisor.output, timeout_s=30.0, what="the recorder")
        recorders[0].send(signal.SIGKILL)
        recorders[0].wait()
        wait_until(lambda: "code 632: node /recorder died" in cell.supervisor.output, what="that it is missing")
        handle = send(client, "night", "trial_1")
        wait_until(lambda: partners.begun, what="the look")
        time.sleep(1.0)
        assert inserted(partners) == [], "nothing begins that is not recorded"
        recorders.append(Process(BIN / "recorder", *words))
        assert result(client, handle).error_code == 0
        recorders[1].send(signal.SIGSTOP)
        wait_until(
            lambda: "code 632: node /recorder hangs" in cell.supervisor.output, timeout_s=15.0, what="that it hangs"
        )
        recorders[1].wait()  # launch starts again only what has ended
    finally:
        cell.close()
        for recorder in recorders:
            recorder.__exit__()
    assert len(inserted(partners)) == 1
    assert run.exists()
    assert run.with_name("run.2.mcap").exists()
    with Ledger(path, writes=False) as ledger:
        assert [(row["cause_code"], row["action"]) for row in ledger.rows("recoveries")] == [
            (632, "respawn"),
            (632, "retry"),
        ]


def test_somebody_in_a_zone_holds_the_job_and_is_in_the_ledger(client, partners, tmp_path):
    path = tmp_path / "ledger.db"
    cell = SupervisedNodes(client, f"ledger_file:={path}", "asks_operator:=true")
    try:
        cell.wait_for(CellState.STATE_IDLE)
        said = client.node.create_publisher(DiagnosticArray, "diagnostics", qos.DIAGNOSTICS)
        wait_until(lambda: said.get_subscription_count() >= 2, what="who hears diagnostics")
        partners.waits_for_cancel = True
        handle = send(client, "night", "trial_1")
        wait_until(lambda: partners.begun, what="the look")
        values = {"code": "637", "held_by": "near"}
        status = DiagnosticStatus(level=DiagnosticStatus.ERROR, name="arm_controller: zones", message="stopped by near")
        status.values = [KeyValue(key=key, value=value) for key, value in values.items()]
        for _ in range(3):  # it is said again and again, and counts once
            said.publish(DiagnosticArray(status=[status]))
        held = cell.wait_for(CellState.STATE_HELD)
        assert "Somebody was in a zone that stops the arm." in held.reason
        partners.waits_for_cancel = False
        desk = client.node.create_client(PackmlCommand, "packml_command")
        unhold = PackmlCommand.Request(command=PackmlCommand.Request.COMMAND_UNHOLD, requester="operator 7")
        assert client.wait_for(desk.call_async(unhold)).error_code == 0
        assert result(client, handle).error_code == 0
    finally:
        cell.close()
    with Ledger(path, writes=False) as ledger:
        told = [row for row in ledger.rows("commands") if row["command"] == "zones"]
        assert [(row["requester"], row["error_code"]) for row in told] == [("arm_controller: zones", 637)]
        assert [row["cause_code"] for row in ledger.rows("recoveries")] == [637]


def test_without_a_ledger_that_can_be_written_the_cell_does_not_come_up(client, tmp_path):
    cell = SupervisedNodes(client, f"ledger_file:={tmp_path / 'nowhere' / 'ledger.db'}")
    try:
        assert cell.supervisor.wait(60.0) != 0
        assert "640" in cell.supervisor.output
        assert "nowhere" in cell.supervisor.output
    finally:
        cell.close()
