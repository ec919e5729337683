"""The generated reference is the one that is committed, and the described topics are the ones on the graph."""

import sys
from pathlib import Path

import pytest

from cablecell.ros.reference import render
from tests.support.graph import GraphClient, Process
from tests.support.wait import wait_until

ROOT = Path(__file__).resolve().parents[2]
COMMON = ("/parameter_events", "/rosout", "/cell/node_heartbeats")


def test_reference_is_up_to_date():
    assert (ROOT / "docs" / "reference.md").read_text() == render(), "run `python -m cablecell.ros.reference`"


@pytest.mark.parametrize("name", ["link_monitor", "link_responder"])
def test_architecture_names_every_interface_of_a_node(name):
    row = next(
        line for line in (ROOT / "docs/architecture.md").read_text().splitlines() if line.startswith(f"| `{name}`")
    )
    with GraphClient() as client, Process(Path(sys.prefix) / "bin" / name, "--ros-args", "-p", "autostart:=true"):
        wait_until(lambda: client.get_state(f"/{name}") == "active", what=f"{name} active")
        node = client.node
        # A service of a node may be known before its name.
        wait_until(lambda: name in node.get_node_names(), what=f"the name {name}")

        def used():
            found = node.get_publisher_names_and_types_by_node(name, "/")
            found += node.get_subscriber_names_and_types_by_node(name, "/")
            return {topic for topic, _ in found if topic not in COMMON and not topic.startswith(f"/{name}/")}

        wait_until(used, what="the node's topics")
        for topic in used():
            if "/_action/" not in topic:
                assert f"`{topic[1:]}`" in row, f"{topic} is not documented"
