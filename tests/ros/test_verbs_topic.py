"""`topic` against a running graph: what it prints, and what it says when it cannot."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator

import pytest

from tests.support.verbs import VerbRunner, finish, read_until


@pytest.fixture(scope="module")
def verbs() -> Iterator[VerbRunner]:
    runner = VerbRunner()
    with runner.graph():
        yield runner


TOPICS = """\
/cell/chatter [std_msgs/msg/String]
/cell/image [sensor_msgs/msg/Image]
/cell/joint_states [sensor_msgs/msg/JointState]
/cell/managed/transition_event [lifecycle_msgs/msg/TransitionEvent]
/cell/number [std_msgs/msg/Int32]
/cell/pose [geometry_msgs/msg/PoseStamped]
/cell/received [std_msgs/msg/Int32]
/parameter_events [rcl_interfaces/msg/ParameterEvent]
/rosout [rcl_interfaces/msg/Log]
"""


def test_list_is_right_every_time(verbs: VerbRunner) -> None:
    assert [verbs.output("topic", "list", "-t") for _ in range(3)] == [TOPICS] * 3


def test_list_of_hidden_topics_and_counts(verbs: VerbRunner) -> None:
    hidden = verbs.output("topic", "list", "--include-hidden-topics").splitlines()
    assert {"/cell/_internal", "/cell/exercise/_action/feedback"} < set(hidden)
    assert "Published topics:\n * /cell/chatter [std_msgs/msg/String] 1 publisher\n" in verbs.output(
        "topic", "list", "-v"
    )


def test_info_type_and_find(verbs: VerbRunner) -> None:
    expected = "Type: std_msgs/msg/String\nPublisher count: 1\nSubscription count: 0\n"
    assert verbs.output("topic", "info", "/cell/chatter") == expected
    # Our own node publishes parameter events as well: it does not count.
    assert "Publisher count: 3\n" in verbs.output("topic", "info", "parameter_events")
    verbose = verbs.output("topic", "info", "-v", "/cell/pose")
    for line in ("Node name: talker\n", "Node namespace: /cell\n", "  Durability: TRANSIENT_LOCAL\n"):
        assert line in verbose
    assert verbs.output("topic", "type", "/cell/pose") == "geometry_msgs/msg/PoseStamped\n"
    assert verbs.output("topic", "find", "std_msgs/Int32") == "/cell/number\n/cell/received\n"


def test_echo_of_a_latched_topic(verbs: VerbRunner) -> None:
    assert verbs.output("topic", "echo", "--once", "/cell/pose") == (
        "header:\n  stamp:\n    sec: 0\n    nanosec: 0\n  frame_id: base_link\n"
        "pose:\n  position:\n    x: 1.5\n    y: 0.0\n    z: 0.0\n"
        "  orientation:\n    x: 0.0\n    y: 0.0\n    z: 0.0\n    w: 1.0\n---\n"
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["/cell/pose", "--field", "pose.position.x"], "1.5\n---\n"),
        (["/cell/pose", "--field", "pose.position"], "x: 1.5\ny: 0.0\nz: 0.0\n---\n"),
        (["/cell/image", "--field", "data", "-l", "2"], "[0, 1, '...']\n---\n"),
        (["/cell/image", "--field", "data[199]"], "199\n---\n"),
        (["/cell/pose", "--csv"], "0,0,base_link,1.5,0.0,0.0,0.0,0.0,0.0,1.0\n"),
        (["/cell/joint_states", "--field", "position"], "[0.5, .nan]\n---\n"),
        (["/cell/chatter", "--filter", "m.data.endswith('0')", "--csv"], "hello "),
    ],
)
def test_echo_of_parts(verbs: VerbRunner, options: list[str], expected: str) -> None:
    output = verbs.output("topic", "echo", "--once", *options)
    assert output.startswith(expected)
    if "--filter" in options:
        assert output.endswith("0\n")


def test_echo_shortens_long_arrays(verbs: VerbRunner) -> None:
    assert verbs.output("topic", "echo", "--once", "/cell/image").endswith("- 127\n- '...'\n---\n")
    assert verbs.output("topic", "echo", "--once", "/cell/image", "-f").endswith("- 199\n---\n")
    assert "<sequence type: uint8, length: 200>" in verbs.output("topic", "echo", "--once", "/cell/image", "--no-arr")


def test_echo_waits_for_a_topic_of_a_given_type_and_no_longer_than_told(verbs: VerbRunner) -> None:
    arguments = ("topic", "echo", "--once", "/nobody", "std_msgs/msg/String", "--timeout", "0.2")
    assert verbs.error(*arguments) == "No message on '/nobody' within 0.2 s\n"


def test_publishing_reaches_a_subscriber(verbs: VerbRunner) -> None:
    output = verbs.output("topic", "pub", "-t", "2", "-r", "50", "/cell/number", "std_msgs/msg/Int32", "{data: -41}")
    assert output.endswith(
        "publisher: beginning loop\n"
        "publishing #1: std_msgs.msg.Int32(data=-41)\n\npublishing #2: std_msgs.msg.Int32(data=-41)\n\n"
    )
    assert verbs.output("topic", "echo", "--once", "/cell/received") == "data: -41\n---\n"
    verbs.output("topic", "pub", "-1", "/cell/number", "std_msgs/Int32", "--stdin", stdin="data: 42")
    assert verbs.output("topic", "echo", "--once", "/cell/received", "--field", "data") == "42\n---\n"


def test_publishing_without_a_subscriber_gives_up_when_told(verbs: VerbRunner) -> None:
    done = verbs.run("topic", "pub", "-1", "--max-wait-time-secs", "0.3", "/nobody", "std_msgs/msg/Int32")
    assert done.returncode == 1
    assert done.stderr == "Timed out waiting for subscribers: expected 1 but there are only 0 after 0.3 s\n"
    assert "publishing" not in done.stdout


def test_stamps_are_those_of_the_sending(verbs: VerbRunner) -> None:
    process = verbs.start("topic", "pub", "-r", "50", "/stamped", "geometry_msgs/PointStamped", "header: auto")
    try:
        assert read_until(process, "publishing #3: ") is not None
        first, second = (
            float(verbs.output("topic", "echo", "--once", "/stamped", "--field", "header.stamp.sec").split()[0])
            for _ in range(2)
        )
    finally:
        finish(process)
    assert first > 1.6e9
    assert first <= second <= first + 30.0


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["info", "/cell/chattter"], "Unknown topic '/cell/chattter'; did you mean '/cell/chatter'?\n"),
        (["type", "/chatter"], "Unknown topic '/chatter'; did you mean '/cell/chatter'?\n"),
        (["echo", "/cell/Pose"], "Unknown topic '/cell/Pose'; did you mean '/cell/pose'?\n"),
        (["echo", "bad name", "std_msgs/String"], "Invalid name '/bad name': topic name must not contain"),
        (
            ["echo", "/cell/pose", "--field", "pose.posision"],
            "Invalid field 'pose.posision': no 'posision' in geometry_msgs/msg/Pose; did you mean 'position'? valid",
        ),
        (["pub", "/x", "std_msgs/msg/Stringg"], "Unknown message type 'std_msgs/msg/Stringg'; did you mean"),
        (["pub", "/x", "std_msgs/msg/Int8", "data: 200"], "field 'data' of std_msgs/msg/Int8: 200 does not fit"),
        (["pub", "/x", "std_msgs/msg/Int8", "dat: 2"], "std_msgs/msg/Int8 has no field 'dat'; did you mean 'data'?"),
    ],
)
def test_errors_are_one_line(verbs: VerbRunner, arguments: list[str], error: str) -> None:
    shown = verbs.error("topic", *arguments)
    assert shown.startswith(error)
    assert shown.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["echo"],
        ["list", "--no-such-option"],
        ["nope"],
        ["pub", "/x", "std_msgs/msg/Int8", "--once", "--times", "3"],
        ["echo", "/cell/pose", "--qos-reliability", "nope", "--once"],
        ["echo", "/cell/pose", "--filter", "m.", "--once"],
        ["pub", "/x", "std_msgs/msg/Int8", "--max-wait-time-secs", "1"],
    ],
)
def test_bad_usage_ends_with_2(verbs: VerbRunner, arguments: list[str]) -> None:
    assert verbs.error("topic", *arguments, code=2)


def test_rates(verbs: VerbRunner) -> None:
    process = verbs.start("topic", "hz", "/cell/chatter")
    line = read_until(process, "average rate: ")
    output, _ = finish(process, signal.SIGINT)
    assert line is not None
    # Published at 20 Hz by a timer; the machine may be busy.
    assert 12.0 < float(line.split(": ")[1]) < 28.0
    assert re.match(r"\tmin: \d\.\d{3}s max: \d\.\d{3}s std dev: \d\.\d{5}s window: \d+\n", output)


def test_rates_of_several_topics_are_a_table(verbs: VerbRunner) -> None:
    process = verbs.start("topic", "hz", "/cell/chatter", "/cell/joint_states", "--filter", "True")
    assert read_until(process, "=====") is not None
    assert process.stdout is not None
    rows = [process.stdout.readline().split() for _ in range(2)]
    finish(process, signal.SIGINT)
    assert [row[0] for row in rows] == ["/cell/chatter", "/cell/joint_states"]


def test_bandwidth(verbs: VerbRunner) -> None:
    process = verbs.start("topic", "bw", "/cell/joint_states")
    line = read_until(process, " messages")
    output, _ = finish(process, signal.SIGINT)
    assert line is not None
    assert re.match(r"\d+(\.\d\d)? (B|KB)/s from \d+ messages", line)
    assert "Message size mean: " in output
