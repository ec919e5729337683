"""The skill node in its own process against a fake arm: it seats, and says with a code why it does not."""

import itertools
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from aic_task_interfaces.action import InsertCable
from cablecell_interfaces.action import HandleConnector, InsertConnector
from cablecell_interfaces.msg import (
    ComplianceCommand,
    ContactEstimate,
    InsertionPhase,
    InsertionReport,
    InsertionResult,
)
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from lifecycle_msgs.msg import Transition

from cablecell.ros import qos
from cablecell.ros.action_client import MutualActionClient
from tests.support.fake_arm import PORT, STOP_M, X_BASE_PORT, X_TCP_TIP, FakeArm
from tests.support.graph import GraphClient, Process
from tests.support.wait import wait_until

BIN = Path(sys.prefix) / "bin"


@pytest.fixture(scope="module")
def client():
    with GraphClient() as graph:
        yield graph


@pytest.fixture(scope="module")
def node(client):
    with Process(BIN / "insertion_skill", "--ros-args", "-p", "attempts:=1") as process:
        assert client.change_state("/insertion_skill", Transition.TRANSITION_CONFIGURE)
        assert client.change_state("/insertion_skill", Transition.TRANSITION_ACTIVATE)
        yield process
        process.send(signal.SIGINT)
        assert process.wait() == 0
        assert "Traceback" not in process.output


@pytest.fixture(scope="module")
def insert(client):
    action = MutualActionClient(client.node, InsertConnector, "insert_connector")
    return action


@pytest.fixture(scope="module")
def fake(client):
    arm = FakeArm(client)
    yield arm
    arm.close()


@pytest.fixture
def arm(fake, node):
    fake.reset()
    return fake


def _send(client, action, feedback=None, **changes):
    assert action.wait_for_server(timeout_sec=60.0)
    goal = InsertConnector.Goal(port_name=PORT, plug_name="sfp_tip", connector_type="sfp", pull_test=True)
    for name, value in changes.items():
        setattr(goal, name, value)
    callback = None if feedback is None else lambda message: feedback.append(message.feedback)
    handle = client.wait_for(action.send_goal_async(goal, feedback_callback=callback))
    assert handle.accepted
    return handle


def _result(client, handle):
    return client.wait_for(handle.get_result_async(), timeout_s=40.0)


def _insert(client, action, feedback=None, **changes):
    return _result(client, _send(client, action, feedback, **changes)).result


def test_seats_and_reports_what_it_measured(client, insert, arm):
    feedback, phases = [], client.collect(InsertionPhase, "insertion_phase", qos.STATE)
    result = _insert(client, insert, feedback)
    assert (result.error_code, result.error_msg, result.attempts) == (0, "", 1)
    measured = result.insertion
    assert measured.outcome == InsertionResult.OUTCOME_SEATED
    assert measured.depth == pytest.approx(STOP_M, abs=1e-3)
    assert measured.latch_detected
    assert 5.0 < measured.peak_force < 20.0
    assert measured.port_name == PORT
    assert arm.depth_m == pytest.approx(STOP_M, abs=3e-4)
    tip = measured.final_pose.pose.position
    assert np.allclose((tip.x, tip.y, tip.z), X_BASE_PORT[:3, 3] + STOP_M * X_BASE_PORT[:3, 2], atol=1e-3)
    seen = [message.phase for message in phases]
    order = [
        InsertionPhase.PHASE_STAGING,
        InsertionPhase.PHASE_PREPARE,
        InsertionPhase.PHASE_APPROACH,
        InsertionPhase.PHASE_INSERT,
        InsertionPhase.PHASE_SEAT,
        InsertionPhase.PHASE_PULL_TEST,
        InsertionPhase.PHASE_HOLD,
    ]
    assert [phase for phase in seen if phase in order] == order
    assert max(message.depth for message in feedback) == pytest.approx(STOP_M, abs=1e-3)
    assert arm.commands > 250


def test_whoever_comes_later_is_told_what_was_done_last(client, insert, arm):
    reports = client.collect(InsertionReport, "insertion_report", qos.STATE)
    assert _insert(client, insert, job_id="night", step="B-1/in", row=7).error_code == 0
    wait_until(lambda: reports[-1].state == InsertionReport.STATE_ENDED, what="the report of the end")
    told = [message for message in reports if message.row == 7]
    running = InsertionReport.STATE_RUNNING
    assert [(message.state, message.is_clear) for message in told[:2]] == [(running, True), (running, False)]
    late = client.collect(InsertionReport, "insertion_report", qos.STATE)
    wait_until(lambda: late, what="the report for who comes late")
    assert (late[0].job_id, late[0].step, late[0].row, late[0].error_code) == ("night", "B-1/in", 7, 0)
    assert late[0].insertion.outcome == InsertionResult.OUTCOME_SEATED
    assert not late[0].is_clear
    assert _insert(client, insert, port_name="none", row=8).error_code == 420
    wait_until(lambda: (late[-1].row, late[-1].error_code) == (8, 420), what="the report of the failure")
    assert late[-1].is_clear, "nothing was touched"


def test_what_the_plug_touches_is_told_as_it_goes_and_in_the_result(client, insert, arm):
    told = client.collect(ContactEstimate, "contact_state", qos.COMMAND)
    results = client.collect(InsertionResult, "insertion_result", qos.COMMAND)
    measured = _insert(client, insert).insertion
    wait_until(lambda: results, what="the result as a topic")
    assert results[0].contacts == measured.contacts
    states = [contact.state for contact in measured.contacts]
    assert states[0] == ContactEstimate.STATE_FREE
    assert states[-1] in (ContactEstimate.STATE_SEATED, ContactEstimate.STATE_LATCHED)
    times = [contact.header.stamp.sec + 1e-9 * contact.header.stamp.nanosec for contact in measured.contacts]
    assert times == sorted(times)
    assert {contact.header.frame_id for contact in measured.contacts} == {f"{PORT}_entrance"}
    assert measured.contacts[-1].depth == pytest.approx(STOP_M, abs=2e-3)
    heard = [message.state for message in told]
    assert set(states) <= set(heard), "every state that lasted was published"
    seconds = told[-1].header.stamp.sec - told[0].header.stamp.sec + 1.0
    changes = sum(a != b for a, b in itertools.pairwise(heard))
    assert 5 < len(told) <= 12 * seconds + changes
    assert all(message.confidence == max(message.probabilities) for message in told)


def test_stages_in_front_of_the_port_on_its_axis(client, insert, arm):
    assert _insert(client, insert).error_code == 0
    (X_base_tcp,) = arm.staged
    X_port_tip = np.linalg.inv(X_BASE_PORT) @ X_base_tcp @ X_TCP_TIP
    assert np.allclose(X_port_tip[:3, :3], np.eye(3), atol=1e-9)
    assert np.allclose(X_port_tip[:2, 3], 0.0, atol=1e-9)
    assert -0.05 < X_port_tip[2, 3] < -0.005


def test_stops_streaming_when_it_is_done(client, insert, arm):
    assert _insert(client, insert).error_code == 0
    count = arm.commands
    assert _insert(client, insert, port_name="none").error_code == 420
    assert arm.commands <= count + 2


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"port_name": "nic_card_mount_9/sfp_port_0"}, 420, f"valid are {PORT}"),
        ({"plug_name": "sc_tip"}, 421, "plug 'sc_tip' is not in the gripper; it holds 'sfp_tip'"),
        ({"connector_type": "usb"}, 421, "connector 'usb' is not in the gripper"),
        ({"force_limit": 1000.0}, 901, "force_abort_n = 1000.0 N is above the maximum of 200.0 N"),
    ],
)
def test_a_wrong_goal_moves_nothing(client, insert, arm, changes, code, message):
    result = _insert(client, insert, **changes)
    assert result.error_code == code
    assert message in result.error_msg
    assert not arm.staged
    assert not arm.commands


def test_a_port_that_was_never_seen_is_refused(client, insert, arm):
    arm.estimate(sources=1)
    _expect_estimate_refused(client, insert, arm, "was never observed")


def test_an_old_estimate_is_refused(client, insert, arm):
    arm.estimate(age_s=100.0)
    _expect_estimate_refused(client, insert, arm, "s ago; the limit is 60.0 s")


def _expect_estimate_refused(client, insert, arm, message):
    # The estimate arrives on a topic, the goal on a service: wait until the node has taken the newest.
    def is_refused():
        result = _insert(client, insert)
        return result.error_code == 411 and message in result.error_msg

    wait_until(is_refused, timeout_s=30.0, what=message)


def test_an_uncertain_estimate_is_not_searched_for(client, insert, arm):
    arm.estimate(sigma_m=0.01)
    wait_until(lambda: "standard deviation of 10.00 mm" in _insert(client, insert).error_msg, timeout_s=40.0)


def test_the_planners_refusal_is_passed_on(client, insert, arm):
    arm.move_error = 204
    result = _insert(client, insert)
    assert (result.error_code, result.error_msg) == (204, "no way")
    assert result.attempts == 1, "an attempt that ends in staging is one"
    assert not arm.commands


def test_where_the_line_is_not_free_the_arm_comes_over_the_port(client, insert, arm):
    arm.move_error, arm.free_above_m = 204, 0.099
    result = _insert(client, insert)
    assert (result.error_code, result.error_msg) == (0, "")
    assert arm.corners == pytest.approx([0.05, 0.1])
    assert len(arm.staged) == 1


def test_a_refused_tare_is_not_free(client, insert, arm):
    arm.is_tare_refused = True
    result = _insert(client, insert)
    assert result.error_code == 413
    assert "the tool moves" in result.error_msg


def test_cancel_while_staging_cancels_the_move(client, insert, arm):
    arm.holds_moves, arm.cancelled_moves = True, 0
    handle = _send(client, insert)
    wait_until(lambda: handle.accepted)
    client.wait_for(handle.cancel_goal_async())
    answer = _result(client, handle)
    assert answer.result.error_code == 603
    assert arm.cancelled_moves == 1
    assert not arm.commands


def test_cancel_in_the_port_retreats_before_it_answers(client, insert, arm):
    feedback = []
    handle = _send(client, insert, feedback)
    wait_until(lambda: arm.depth_m > 0.01, timeout_s=20.0, what="the plug to be in the port")
    client.wait_for(handle.cancel_goal_async())
    answer = _result(client, handle)
    assert answer.result.error_code == 603
    assert answer.result.insertion.outcome == InsertionResult.OUTCOME_CANCELED
    assert arm.depth_m < -0.005


def test_people_near_slow_an_insertion_down_and_in_a_zone_that_stops_the_arm_end_it(client, insert, arm):
    publisher = client.node.create_publisher(DiagnosticArray, "diagnostics", qos.DIAGNOSTICS)
    heard = client.collect(ComplianceCommand, "compliance_commands", qos.COMMAND)
    wait_until(publisher.get_subscription_count, what="the skill to listen")

    def say(scale, held_by=""):
        status = DiagnosticStatus(name="arm_controller: zones", message="somebody is near")
        status.values = [KeyValue(key="speed_scale", value=scale), KeyValue(key="held_by", value=held_by)]
        publisher.publish(DiagnosticArray(status=[status]))

    def fastest(share):
        say(share)
        heard.clear()
        assert _insert(client, insert).error_code == 0
        return max(abs(message.twist.linear.z) for message in heard)

    whole, slow = fastest("1.000"), fastest("0.500")
    assert whole > 0.0
    assert slow == pytest.approx(0.5 * whole, rel=0.05)
    say("1.000")
    handle = _send(client, insert)
    wait_until(lambda: arm.depth_m > 0.005, timeout_s=20.0, what="the plug to be in the port")
    say("1.000", "near")
    assert _result(client, handle).result.error_code == 637
    count = arm.commands
    say("1.000")
    assert _insert(client, insert, port_name="none").error_code == 420
    assert arm.commands == count, "nothing goes on when the zone is free"


def test_silence_of_the_arm_ends_the_insertion_and_the_stream(client, insert, arm):
    handle = _send(client, insert)
    wait_until(lambda: arm.depth_m > 0.005, timeout_s=20.0, what="the plug to be in the port")
    arm.is_silent = True
    result = _result(client, handle).result
    assert result.error_code == 422
    assert "the limit is 0.5 s" in result.error_msg
    count = arm.commands
    arm.is_silent = False
    assert _insert(client, insert, port_name="none").error_code == 420
    assert arm.commands == count


def test_a_latch_that_does_not_hold_is_found_by_the_pull(client, insert, arm):
    arm.has_latch = False
    assert _insert(client, insert).error_code == 405


def test_a_shallow_stop_is_no_seat(client, insert, arm):
    arm.stop_m = STOP_M - 0.006
    result = _insert(client, insert)
    assert result.error_code in (404, 412)
    assert result.insertion.depth < STOP_M - 0.005


@pytest.fixture(scope="module")
def handle_plug(client):
    action = MutualActionClient(client.node, HandleConnector, "handle_connector")

    def send(task, feedback=None, **changes):
        assert action.wait_for_server(timeout_sec=60.0)
        goal = HandleConnector.Goal(task=task, port_name=PORT, plug_name="sfp_tip")
        for name, value in changes.items():
            setattr(goal, name, value)
        callback = None if feedback is None else lambda message: feedback.append(message.feedback)
        handle = client.wait_for(action.send_goal_async(goal, feedback_callback=callback))
        assert handle.accepted
        return handle

    return send


def test_a_seated_plug_is_checked_and_stays_and_its_latch_is_not_torn_open(client, insert, arm, handle_plug):
    assert _insert(client, insert).error_code == 0
    feedback = []
    result = _result(client, handle_plug(HandleConnector.Goal.TASK_VERIFY, feedback)).result
    assert (result.error_code, result.error_msg) == (0, "")
    assert "latch proven by a tug" in result.reason
    assert {"rest", "work", "back"} <= {message.doing for message in feedback}
    assert {message.phase.phase for message in feedback} == {InsertionPhase.PHASE_VERIFY}
    assert result.attempts == 1
    assert feedback[-1].depth == pytest.approx(STOP_M, abs=1e-3)
    assert arm.depth_m == pytest.approx(STOP_M, abs=3e-4)
    assert 5.0 < result.peak_force < 20.0
    result = _result(client, handle_plug(HandleConnector.Goal.TASK_UNPLUG)).result
    assert result.error_code == 419, "the latch of an SFP has to be pressed, not pulled open"
    assert arm.depth_m == pytest.approx(STOP_M, abs=3e-4)


def test_a_plug_that_no_latch_holds_is_found_and_taken_out(client, insert, arm, handle_plug):
    arm.has_latch = False
    assert _insert(client, insert, pull_test=False).error_code == 0
    assert _result(client, handle_plug(HandleConnector.Goal.TASK_VERIFY)).result.error_code == 405
    assert arm.depth_m == pytest.approx(STOP_M, abs=3e-4), "it was pressed back"
    phases = client.collect(InsertionPhase, "insertion_phase", qos.STATE)
    result = _result(client, handle_plug(HandleConnector.Goal.TASK_UNPLUG)).result
    assert (result.error_code, result.error_msg) == (0, "")
    assert arm.depth_m < -0.005
    assert result.moved == pytest.approx(STOP_M - arm.depth_m, abs=2e-3)
    assert InsertionPhase.PHASE_RETREAT in [message.phase for message in phases]
    wait_until(lambda: phases[-1].phase == InsertionPhase.PHASE_IDLE, what="the end of the phase")


@pytest.mark.parametrize(
    ("task", "changes", "code"),
    [
        (HandleConnector.Goal.TASK_UNPLUG, {}, 412),  # it hangs in front of the port
        (HandleConnector.Goal.TASK_VERIFY, {}, 412),
        (HandleConnector.Goal.TASK_UNPLUG, {"port_name": "none"}, 420),
        (HandleConnector.Goal.TASK_VERIFY, {"plug_name": "sc_tip"}, 421),
        (9, {}, 423),
    ],
)
def test_what_cannot_be_handled_is_said_and_stays_where_it_is(client, arm, handle_plug, task, changes, code):
    arm.hang()
    before = arm.depth_m
    result = _result(client, handle_plug(task, **changes)).result
    assert result.error_code == code, result.error_msg
    assert result.attempts == (code == 412), "an attempt is what was begun"
    assert arm.depth_m == pytest.approx(before, abs=1e-4)


def test_a_cancelled_unplugging_leaves_the_plug_at_its_stop(client, insert, arm, handle_plug):
    assert _insert(client, insert).error_code == 0
    feedback = []
    handle = handle_plug(HandleConnector.Goal.TASK_UNPLUG, feedback)
    wait_until(lambda: any(message.doing == "work" for message in feedback), what="the pull")
    client.wait_for(handle.cancel_goal_async())
    assert _result(client, handle).result.error_code == 603
    assert arm.depth_m == pytest.approx(STOP_M, abs=3e-4)


def test_only_one_goal_at_a_time(client, insert, arm):
    arm.holds_moves = True
    handle = _send(client, insert)
    second = client.wait_for(insert.send_goal_async(InsertConnector.Goal()))
    assert not second.accepted
    client.wait_for(handle.cancel_goal_async())
    assert _result(client, handle).result.error_code == 603


def _insert_cable(client, feedback=None, **changes):
    action = MutualActionClient(client.node, InsertCable, "insert_cable")
    goal = InsertCable.Goal()
    goal.task.target_module_name, goal.task.port_name = PORT.split("/")
    goal.task.cable_name, goal.task.plug_name, goal.task.plug_type = "cable_0", "sfp_tip", "sfp"
    goal.task.time_limit = 60
    for name, value in changes.items():
        setattr(goal.task, name, value)
    assert action.wait_for_server(timeout_sec=60.0)
    callback = None if feedback is None else lambda message: feedback.append(message.feedback.message)
    handle = client.wait_for(action.send_goal_async(goal, feedback_callback=callback))
    assert handle.accepted
    return handle


def test_an_aic_task_looks_and_seats(client, arm):
    feedback = []
    result = _result(client, _insert_cable(client, feedback)).result
    assert (result.success, result.message) == (True, "seated")
    assert arm.looked_for == [PORT]
    assert arm.depth_m == pytest.approx(STOP_M, abs=3e-4)
    assert len(feedback) >= 4
    assert all(feedback)


@pytest.mark.parametrize(
    ("breakage", "changes", "message"),
    [
        ({"observe_error": 521}, {}, "code 521: too dark"),
        ({}, {"plug_name": "sc_tip"}, "code 421: plug 'sc_tip' is not in the gripper; it holds 'sfp_tip'"),
        (
            {},
            {"port_name": "sfp_port_7"},
            f"code 420: port 'nic_card_mount_0/sfp_port_7' is not estimated; valid are {PORT}",
        ),
    ],
)
def test_an_aic_task_that_fails_says_why_in_its_message(client, arm, breakage, changes, message):
    phases = client.collect(InsertionPhase, "insertion_phase", qos.STATE)
    for name, value in breakage.items():
        setattr(arm, name, value)
    answer = _result(client, _insert_cable(client, **changes))
    assert not answer.result.success
    assert answer.result.message == message
    assert not arm.commands
    wait_until(lambda: phases and phases[-1].phase == InsertionPhase.PHASE_IDLE, what="the skill to be idle again")


def test_a_cancelled_aic_task_says_so(client, arm):
    arm.holds_moves = True
    handle = _insert_cable(client)
    wait_until(lambda: arm.looked_for, what="the look")
    client.wait_for(handle.cancel_goal_async())
    result = _result(client, handle).result
    assert not result.success
    assert "code 603" in result.message
