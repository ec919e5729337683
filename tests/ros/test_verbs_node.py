"""`node`, `service`, `action`, `param` and `lifecycle` against a running graph."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support.verbs import VerbRunner

ACTION = "cablecell_interfaces/action/ExerciseLink"


@pytest.fixture(scope="module")
def verbs() -> Iterator[VerbRunner]:
    runner = VerbRunner()
    with runner.graph():
        yield runner


def test_nodes(verbs: VerbRunner) -> None:
    assert verbs.output("node", "list") == "/cell/managed\n/cell/talker\n/cell/worker\n"
    assert verbs.output("node", "list", "-c") == "3\n"
    info = verbs.output("node", "info", "/cell/talker")
    assert info.startswith("/cell/talker\n  Subscribers:\n    /cell/number: std_msgs/msg/Int32\n  Publishers:\n")
    assert "  Service Servers:\n    /cell/set_bool: std_srvs/srv/SetBool\n" in info
    assert info.endswith("  Service Clients:\n\n  Action Servers:\n\n  Action Clients:\n\n")
    assert f"  Action Servers:\n    /cell/exercise: {ACTION}\n" in verbs.output("node", "info", "cell/worker")
    assert verbs.error("node", "info", "/cell/taker") == (
        "Unable to find node '/cell/taker'; did you mean '/cell/talker'?\n"
    )


def test_services(verbs: VerbRunner) -> None:
    lines = verbs.output("service", "list", "-t").splitlines()
    assert {"/cell/set_bool [std_srvs/srv/SetBool]", "/cell/trigger [std_srvs/srv/Trigger]"} < set(lines)
    assert lines == sorted(lines)
    assert verbs.output("service", "type", "/cell/trigger") == "std_srvs/srv/Trigger\n"
    assert verbs.output("service", "find", "std_srvs/Trigger") == "/cell/trigger\n"
    info = verbs.output("service", "info", "/cell/trigger")
    assert info == "Type: std_srvs/srv/Trigger\nClients count: 0\nServices count: 1\n"


def test_calls(verbs: VerbRunner) -> None:
    assert verbs.output("service", "call", "/cell/set_bool", "std_srvs/srv/SetBool", "{data: true}") == (
        "requester: making request: std_srvs.srv.SetBool_Request(data=True)\n\n"
        "response:\nstd_srvs.srv.SetBool_Response(success=True, message='on')\n\n"
    )
    assert verbs.error("service", "call", "/cell/set_bool", "std_srvs/Trigger") == (
        "Service '/cell/set_bool' has type std_srvs/srv/SetBool, not std_srvs/srv/Trigger\n"
    )
    assert "'maybe' does not fit, expected boolean" in verbs.error(
        "service", "call", "/cell/set_bool", "std_srvs/SetBool", "{data: maybe}"
    )
    done = verbs.run("service", "call", "/cell/trigge", "std_srvs/Trigger", "--timeout", "0.2")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "There is no service '/cell/trigge' yet; did you mean '/cell/trigger'?",
        "Service '/cell/trigge' is not available after 0.2 s",
    ]


def test_actions(verbs: VerbRunner) -> None:
    assert verbs.output("action", "list", "-t") == f"/cell/exercise [{ACTION}]\n"
    assert verbs.output("action", "type", "/cell/exercise") == f"{ACTION}\n"
    assert verbs.output("action", "info", "/cell/exercise") == (
        "Action: /cell/exercise\nAction clients: 0\nAction servers: 1\n    /cell/worker\n"
    )
    assert verbs.error("action", "info", "/exercise") == (
        "Unknown action '/exercise'; did you mean '/cell/exercise'?\n"
    )


def test_goals(verbs: VerbRunner) -> None:
    output = verbs.output("action", "send_goal", "-f", "/cell/exercise", ACTION, "{count: 2}")
    expected = (
        "Waiting for an action server to become available...\n"
        "Sending goal:\n     count: 2\nrate_hz: 0.0\npayload_bytes: 0\n\n"
        "Goal accepted with ID: ID\n\n"
        "Feedback:\n    phase: 0\nsent: 1\n\nFeedback:\n    phase: 0\nsent: 2\n\n"
        "Result:\n    error_code: 0\nerror_msg: ''\nattempts: 0\nsent: 2\n\n"
        "Goal finished with status: SUCCEEDED\n"
    )
    assert re.sub(r"ID: [0-9a-f]{32}", "ID: ID", output) == expected


def test_goals_that_do_not_succeed(verbs: VerbRunner) -> None:
    rejected = verbs.run("action", "send_goal", "/cell/exercise", ACTION, "{count: 0}")
    assert (rejected.returncode, rejected.stderr) == (1, "Goal was rejected.\n")
    aborted = verbs.run("action", "send_goal", "/cell/exercise", ACTION, "{count: 7}")
    assert (aborted.returncode, aborted.stderr) == (1, "")
    assert aborted.stdout.endswith("Goal finished with status: ABORTED\n")
    error = verbs.error("action", "send_goal", "/cell/exercise", ACTION, "{count: -1}")
    assert "field 'count' of cablecell_interfaces/action/ExerciseLink_Goal: -1" in error


def test_parameters_are_listed_read_and_described(verbs: VerbRunner) -> None:
    own = "  enabled\n  gain\n  limits.joints\n  limits.retries\n  name\n"
    assert own in verbs.output("param", "list", "/cell/talker")
    everything = verbs.output("param", "list")
    assert [line for line in everything.splitlines() if line.startswith("/")] == [
        "/cell/managed:",
        "/cell/talker:",
        "/cell/worker:",
    ]
    assert verbs.output("param", "list", "/cell/talker", "--param-type", "--filter", "lim") == (
        "  limits.joints (type: double array)\n  limits.retries (type: integer)\n"
    )
    assert verbs.output("param", "get", "/cell/talker", "limits.joints") == "Double values are: [1.0, 2.5]\n"
    assert verbs.output("param", "get", "/cell/talker", "name", "--hide-type") == "ur5e\n"
    assert verbs.output("param", "describe", "/cell/talker", "gain") == (
        "Parameter name: gain\n  Type: double\n  Description: Proportional gain, 1/s\n"
        "  Constraints:\n    Min value: 0.0\n    Max value: 10.0\n"
    )


def test_parameters_are_set_refused_and_loaded(verbs: VerbRunner, tmp_path: Path) -> None:
    assert verbs.output("param", "set", "/cell/talker", "gain", "0.75") == "Set parameter successful\n"
    assert verbs.output("param", "get", "/cell/talker", "gain") == "Double value is: 0.75\n"
    assert verbs.error("param", "set", "/cell/talker", "gain", "-1.0").startswith("Setting parameter failed: ")
    refused = verbs.error("param", "set", "/cell/talker", "enabled", "false")
    assert refused == "Setting parameter failed: it has to stay enabled\n"
    assert verbs.error("param", "set", "/cell/talker", "gain", "--nope", code=2)
    dumped = yaml.safe_load(verbs.output("param", "dump", "/cell/talker"))
    values = dumped["/cell/talker"]["ros__parameters"]
    assert values["limits"] == {"joints": [1.0, 2.5], "retries": 3}
    assert (values["gain"], values["tags"], values["enabled"]) == (0.75, ["a", "b"], True)
    file = tmp_path / "talker.yaml"
    file.write_text("/**:\n  ros__parameters: {gain: 2.5}\n/cell/talker:\n  ros__parameters: {limits: {retries: 6}}\n")
    assert verbs.output("param", "load", "/cell/talker", str(file)) == (
        "Set parameter gain successful\nSet parameter limits.retries successful\n"
    )
    assert verbs.output("param", "get", "/cell/talker", "limits.retries") == "Integer value is: 6\n"


def test_parameters_that_are_not_there(verbs: VerbRunner) -> None:
    assert verbs.error("param", "get", "/cell/talker", "gian") == (
        "Parameter not set: '/cell/talker' has no parameter 'gian'; did you mean 'gain'?\n"
    )
    assert verbs.error("param", "get", "/cell/talke", "gain", "--timeout", "0") == (
        "Node not found: '/cell/talke'; did you mean '/cell/talker'?\n"
    )


def test_lifecycle(verbs: VerbRunner) -> None:
    assert verbs.output("lifecycle", "nodes") == "/cell/managed\n"
    assert verbs.output("lifecycle", "get") == "/cell/managed: unconfigured [1]\n"
    assert verbs.output("lifecycle", "list", "/cell/managed") == (
        "- configure [1]\n\tStart: unconfigured\n\tGoal: configuring\n"
        "- shutdown [5]\n\tStart: unconfigured\n\tGoal: shuttingdown\n"
    )
    assert verbs.output("lifecycle", "set", "/cell/managed", "configure") == "Transitioning successful\n"
    assert verbs.output("lifecycle", "get", "/cell/managed") == "inactive [2]\n"
    assert verbs.error("lifecycle", "set", "/cell/managed", "activate") == "Transitioning failed\n"
    assert verbs.error("lifecycle", "set", "/cell/managed", "nope") == (
        "Unknown transition requested, available ones are:\n- cleanup [2]\n- activate [3]\n- shutdown [6]\n"
    )
    assert verbs.output("lifecycle", "set", "/cell/managed", "2") == "Transitioning successful\n"
    assert verbs.error("lifecycle", "get", "/cell/talker") == (
        "Node '/cell/talker' has no lifecycle; nodes with one: /cell/managed\n"
    )
