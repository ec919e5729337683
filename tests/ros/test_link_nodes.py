"""The link nodes, each in its own process: lifecycle, limits, every error code, parameters, orderly end."""

import signal
import sys
from pathlib import Path

import pytest
from cablecell_interfaces.action import ExerciseLink
from cablecell_interfaces.msg import LinkHeartbeat
from cablecell_interfaces.srv import PingLink
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import DescribeParameters, SetParameters

from cablecell.ros import qos
from cablecell.ros.action_client import MutualActionClient
from tests.support.graph import GraphClient, Process
from tests.support.wait import wait_until

BIN = Path(sys.prefix) / "bin"


def _start(name, *parameters):
    words = [word for parameter in parameters for word in ("-p", parameter)]
    return Process(BIN / name, "--ros-args", *words)


@pytest.fixture
def client():
    with GraphClient() as graph:
        yield graph


@pytest.fixture
def responder(client):
    with _start("link_responder", "burst_count_limit:=500", "payload_limit_bytes:=64") as process:
        assert client.get_state("/link_responder") == "unconfigured"
        yield process
        process.send(signal.SIGINT)
        assert process.wait() == 0
        assert "Traceback" not in process.output
        assert "never retrieved" not in process.output


@pytest.fixture
def active_responder(client, responder):
    assert client.change_state("/link_responder", Transition.TRANSITION_CONFIGURE)
    assert client.change_state("/link_responder", Transition.TRANSITION_ACTIVATE)
    return responder


@pytest.fixture
def exercise(client):
    action = MutualActionClient(client.node, ExerciseLink, "link/exercise")
    yield action
    client.run(action.destroy)


def _run(client, action, goal, cancel_when=None, feedback=None):
    assert action.wait_for_server(timeout_sec=60.0)
    callback = None if feedback is None else lambda message: feedback.append(message.feedback)
    handle = client.wait_for(action.send_goal_async(goal, feedback_callback=callback))
    if not handle.accepted:
        return None
    if cancel_when:
        wait_until(cancel_when)
        client.wait_for(handle.cancel_goal_async())
    return client.wait_for(handle.get_result_async())


def test_nothing_is_sent_unless_active(client, responder):
    heard = client.collect(LinkHeartbeat, "link/heartbeat", qos.HEARTBEAT)
    assert client.change_state("/link_responder", Transition.TRANSITION_CONFIGURE)
    answer = client.call(PingLink, "link/ping", PingLink.Request(payload=b"x"))
    assert answer.error_code == 604
    assert "not active" in answer.error_msg
    assert not heard
    assert client.change_state("/link_responder", Transition.TRANSITION_ACTIVATE)
    wait_until(lambda: len(heard) >= 3, what="heartbeats of an active node")
    assert heard[0].node_name == "/link_responder"
    assert client.change_state("/link_responder", Transition.TRANSITION_DEACTIVATE)
    count = len(heard)
    assert client.call(PingLink, "link/ping", PingLink.Request()).error_code == 604
    assert len(heard) <= count + 1
    assert client.change_state("/link_responder", Transition.TRANSITION_CLEANUP)
    assert client.get_state("/link_responder") == "unconfigured"


def test_lifecycle_survives_repetition(client, responder):
    for _ in range(5):
        for transition in (
            Transition.TRANSITION_CONFIGURE,
            Transition.TRANSITION_ACTIVATE,
            Transition.TRANSITION_DEACTIVATE,
            Transition.TRANSITION_CLEANUP,
        ):
            assert client.change_state("/link_responder", transition)
    assert not client.change_state("/link_responder", Transition.TRANSITION_DEACTIVATE), "an illegal transition passed"


def test_ping_returns_the_bytes_and_refuses_too_many(client, active_responder):
    payload = bytes(range(64))
    answer = client.call(PingLink, "link/ping", PingLink.Request(payload=payload))
    assert (answer.error_code, bytes(answer.payload)) == (0, payload)
    refused = client.call(PingLink, "link/ping", PingLink.Request(payload=bytes(65)))
    assert refused.error_code == 602
    assert "payload = 65 B is refused: it must be 0 B to 64 B" in refused.error_msg
    assert not refused.payload


def test_exercise_sends_what_was_asked(client, active_responder, exercise):
    heard = client.collect(LinkHeartbeat, "link/heartbeat", qos.HEARTBEAT)
    wait_until(lambda: heard)
    feedback = []
    outcome = _run(client, exercise, ExerciseLink.Goal(count=300, rate_hz=500.0, payload_bytes=7), feedback=feedback)
    assert (outcome.status, outcome.result.error_code, outcome.result.sent) == (4, 0, 300)
    wait_until(lambda: sum(len(message.payload) == 7 for message in heard) == 300, what="300 messages with payload")
    numbers = [message.sequence for message in heard]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "lost or reordered"
    assert feedback[-1].sent <= 300


@pytest.mark.parametrize(
    ("goal", "message"),
    [
        (ExerciseLink.Goal(count=501, rate_hz=10.0), "count = 501 is refused: it must be 1 to 500"),
        (ExerciseLink.Goal(count=1, rate_hz=float("nan")), "rate_hz = nan Hz"),
        (ExerciseLink.Goal(count=1, rate_hz=10.0, payload_bytes=65), "payload_bytes = 65 B"),
    ],
)
def test_exercise_beyond_the_limits_is_aborted(client, active_responder, exercise, goal, message):
    outcome = _run(client, exercise, goal)
    assert (outcome.status, outcome.result.error_code, outcome.result.sent) == (6, 602, 0)
    assert message in outcome.result.error_msg


def test_exercise_is_cancelled_at_once(client, active_responder, exercise):
    feedback = []
    goal = ExerciseLink.Goal(count=500, rate_hz=20.0)
    outcome = _run(client, exercise, goal, cancel_when=lambda: feedback, feedback=feedback)
    assert (outcome.status, outcome.result.error_code) == (5, 603)
    assert 0 < outcome.result.sent < 500
    assert f"after {outcome.result.sent} of 500" in outcome.result.error_msg


def test_exercise_ends_when_the_node_is_deactivated(client, active_responder, exercise):
    feedback = []
    assert exercise.wait_for_server(timeout_sec=60.0)
    sending = exercise.send_goal_async(
        ExerciseLink.Goal(count=500, rate_hz=20.0), feedback_callback=lambda m: feedback.append(m)
    )
    handle = client.wait_for(sending)
    wait_until(lambda: feedback)
    assert client.change_state("/link_responder", Transition.TRANSITION_DEACTIVATE)
    outcome = client.wait_for(handle.get_result_async())
    assert (outcome.status, outcome.result.error_code) == (6, 604)


def test_inactive_node_rejects_goals(client, responder, exercise):
    assert client.change_state("/link_responder", Transition.TRANSITION_CONFIGURE)
    assert _run(client, exercise, ExerciseLink.Goal(count=1, rate_hz=1.0)) is None


def test_parameters_are_described_and_guarded(client, responder):
    names = ["rate_hz", "burst_count_limit", "autostart"]
    described = client.call(
        DescribeParameters, "/link_responder/describe_parameters", DescribeParameters.Request(names=names)
    ).descriptors
    assert described[0].description.endswith("[Hz]")
    assert described[0].floating_point_range[0].to_value == 500.0
    assert described[1].integer_range[0].from_value == 1
    assert described[2].read_only

    def set_rate(value):
        parameter = Parameter(
            name="rate_hz", value=ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=value)
        )
        request = SetParameters.Request(parameters=[parameter])
        return client.call(SetParameters, "/link_responder/set_parameters", request).results[0]

    assert set_rate(50.0).successful
    assert not set_rate(501.0).successful
    assert client.change_state("/link_responder", Transition.TRANSITION_CONFIGURE)
    # What a node builds on configuration would keep the old value: an accepted change must have an effect.
    for then in (Transition.TRANSITION_ACTIVATE, Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP):
        locked = set_rate(60.0)
        assert not locked.successful
        assert locked.reason == "rate_hz cannot change while the node is configured; clean it up first"
        assert client.change_state("/link_responder", then)
    assert set_rate(60.0).successful


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        ("rate_hz:=0.0", "code 901: rate_hz = 0.0 Hz is below the minimum of 0.1 Hz"),
        ("rate_hzz:=1.0", "code 901: unknown parameter 'rate_hzz'; valid are autostart, rate_hz"),
    ],
)
def test_wrong_configuration_ends_with_one_line(parameter, message):
    with _start("link_responder", parameter) as process:
        assert process.wait() == 2
        assert process.output.splitlines()[-1].startswith(message)
        assert "Traceback" not in process.output


def test_monitor_says_who_is_silent_and_recovers(client):
    reports = client.collect(DiagnosticArray, "diagnostics", qos.DIAGNOSTICS)

    def latest():
        return reports[-1].status[0]

    with _start("link_monitor", "autostart:=true", "report_rate_hz:=20.0", "silence_limit_s:=0.3") as monitor:
        wait_until(lambda: reports and latest().level == b"\x02", what="a report of silence")
        assert "limit is 0.300 s" in latest().message
        with _start("link_responder", "autostart:=true") as responder:
            wait_until(lambda: latest().level in (b"\x00", b"\x01"), what="recovery")
            values = lambda: {pair.key: pair.value for pair in latest().values}  # noqa: E731
            wait_until(lambda: values()["exercise"] == "sent 200", what="the exercise")
            assert values()["lost"] == "0"
            responder.send(signal.SIGKILL)
            wait_until(lambda: latest().level == b"\x02", timeout_s=2.0, what="detection of a killed node")
        monitor.send(signal.SIGTERM)
        assert monitor.wait() == 0
