"""A cell whose cameras see the board 4.5 mm beside where it stands: the port is found by touch, and the plug seats."""

import json

import pytest
import yaml
from cablecell_interfaces.msg import InsertionPhase, PortEstimate, PortEstimateArray, PortTouch
from std_msgs.msg import String

from cablecell.configuration import config_folder, load_trials
from cablecell.ros import qos
from tests.support.cell_assertions import assert_truth_agrees
from tests.support.cell_graph import CellWatch
from tests.support.cell_launch import launch_cell, take_down
from tests.support.graph import GraphClient
from tests.support.wait import wait_until

PORT = "nic_card_mount_0/sfp_port_0"
OFF_M = (0.0036, -0.0027, 0.0, 0.0, 0.0, 0.0)


@pytest.fixture(scope="module")
def client():
    with GraphClient() as graph:
        yield graph


@pytest.fixture(scope="module")
def watch(client):
    return CellWatch(client)


@pytest.fixture(scope="module", autouse=True)
def cell(watch, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cell")
    settings = yaml.safe_load((config_folder() / "cell.yaml").read_text(encoding="utf-8"))
    settings["/**"]["insertion_skill"]["ros__parameters"]["finds_by_touch"] = True
    (folder / "cell.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    with launch_cell(folder, "seed:=4", f"config:={folder / 'cell.yaml'}") as launch:
        watch.wait_ready(launch)
        yield launch
        take_down(launch)


def test_a_port_that_is_not_where_it_was_seen_is_found_by_touch(client, watch, cell):
    phases = client.collect(InsertionPhase, "insertion_phase", qos.STATE)
    found = client.collect(PortTouch, "port_touch", qos.COMMAND)
    ports = client.collect(PortEstimateArray, "ports", qos.STATE)
    faults = client.node.create_publisher(String, "/sim/faults", qos.STATE)
    faults.publish(String(data=json.dumps({"board_seen": OFF_M})))
    result = watch.insert_cable(load_trials().trials["trial_1"].task, timeout_s=180.0)
    assert (result.success, result.message) == (True, "seated"), cell.output
    assert_truth_agrees(watch, PORT)
    seen = [message.phase for message in phases]
    assert InsertionPhase.PHASE_TOUCH in seen
    # It is the images that were believed first, and what was felt that plugged.
    assert seen.index(InsertionPhase.PHASE_SEARCH) < seen.index(InsertionPhase.PHASE_TOUCH)
    assert [message.port_name for message in found] == [PORT]
    # What contradicts the images withdraws them: another port of this board has to be looked for again.
    wait_until(
        lambda: all(port.sources == PortEstimate.SOURCE_BOARD_MODEL for port in ports[-1].ports),
        what="the ports to be withdrawn",
    )
