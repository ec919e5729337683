"""The first graph, through the launch file and seen with the verbs: up, working, down, nothing left."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.domains import private_domain
from tests.support.graph import GraphClient, Process, processes_in_session
from tests.support.link_assertions import assert_graph_works
from tests.support.wait import wait_until

CABLECELL = Path(sys.prefix) / "bin" / "cablecell"


def _launch(*words, **environ):
    return Process(CABLECELL, "launch", "link.launch.xml", "exercise_count:=50", *words, **environ)


def test_graph_comes_up_works_and_goes_down():
    with GraphClient() as client, _launch("namespace:=first") as launch:
        assert_graph_works(client, "/first")
        launch.send(signal.SIGINT)
        assert launch.wait() == 0
        assert not list(processes_in_session(launch.pid))
        assert launch.output.count("process has finished cleanly") == 2


def test_verbs_see_the_graph():
    with GraphClient() as client, _launch("namespace:=seen") as launch:
        assert_graph_works(client, "/seen")

        def verb(*words):
            return subprocess.run([CABLECELL, *words], capture_output=True, text=True, check=True, timeout=120).stdout

        assert verb("node", "list").split() == ["/seen/link_monitor", "/seen/link_responder", "/test_client"]
        assert "/seen/link/heartbeat [cablecell_interfaces/msg/LinkHeartbeat]" in verb("topic", "list", "-t")
        assert "node_name: /seen/link_responder" in verb("topic", "echo", "/seen/link/heartbeat", "--once")
        assert verb("lifecycle", "get", "/seen/link_monitor").strip() == "active [3]"
        assert verb("param", "get", "/seen/link_responder", "rate_hz").strip() == "Double value is: 20.0"
        answer = verb("service", "call", "/seen/link/ping", "cablecell_interfaces/srv/PingLink", "{payload: [1, 2]}")
        assert "error_code=0" in answer
        goal = "{count: 5, rate_hz: 100.0}"
        sent = verb("action", "send_goal", "/seen/link/exercise", "cablecell_interfaces/action/ExerciseLink", goal)
        assert "SUCCEEDED" in sent
        launch.send(signal.SIGTERM)
        assert launch.wait() == 0


def test_killed_node_ends_the_launch_with_an_error():
    with GraphClient() as client, _launch("namespace:=killed") as launch:
        assert_graph_works(client, "/killed")
        victim = next(line for line in processes_in_session_tree("link_responder", "/killed"))
        os.kill(int(victim), signal.SIGKILL)
        launch.wait_for_output("process has died")
        launch.send(signal.SIGINT)
        assert launch.wait() != 0


def processes_in_session_tree(name, namespace):
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                words = (folder / "cmdline").read_text().split("\0")
            except OSError:
                continue
            if any(word.endswith(f"/{name}") for word in words) and f"__ns:={namespace}" in words:
                yield folder.name


def test_two_cells_at_once_do_not_hear_each_other():
    with (
        private_domain() as other,
        GraphClient() as mine,
        GraphClient(domain_id=other) as theirs,
        _launch() as first,
        _launch(ROS_DOMAIN_ID=str(other)) as second,
    ):
        assert_graph_works(mine, "")
        assert_graph_works(theirs, "")
        for client in (mine, theirs):
            publishers = client.node.get_publishers_info_by_topic("/link/heartbeat")
            assert len(publishers) == 1, "a publisher of the other domain is visible"
        first.send(signal.SIGINT)
        assert first.wait() == 0
        wait_until(lambda: not mine.node.get_publishers_info_by_topic("/link/heartbeat"), what="the first to go")
        assert len(theirs.node.get_publishers_info_by_topic("/link/heartbeat")) == 1
        second.send(signal.SIGINT)
        assert second.wait() == 0


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_during_start_leaves_nothing(stop):
    with _launch("namespace:=early") as launch:
        launch.wait_for_output("process started with pid")
        launch.send(stop)
        launch.wait()
        assert not list(processes_in_session(launch.pid))
