"""One running cell in simulation: connectors are seated without ground truth, and it goes down with nothing left."""

import pytest

from cablecell.configuration import load_trials
from tests.support.cell_assertions import assert_cell_is_whole, assert_truth_agrees
from tests.support.cell_graph import CellWatch
from tests.support.cell_launch import launch_cell, take_down
from tests.support.graph import GraphClient


@pytest.fixture(scope="module")
def client():
    with GraphClient() as graph:
        yield graph


@pytest.fixture(scope="module")
def watch(client):
    return CellWatch(client)


@pytest.fixture(scope="module", autouse=True)
def cell(watch, tmp_path_factory):
    with launch_cell(tmp_path_factory.mktemp("cell"), "seed:=3") as launch:
        watch.wait_ready(launch)
        yield launch
        take_down(launch)


def test_every_node_is_there_and_none_that_decides_sees_the_simulation(client):
    assert_cell_is_whole(client)


def test_an_unknown_job_moves_nothing(watch):
    result = watch.run_job("trial_9")
    assert result.error_code == 933
    assert "valid are aic_sample, trial_1, trial_2, trial_3" in result.error_msg
    assert watch.joint_states > 0
    assert watch.moved_s == 0.0


def test_an_unknown_port_moves_nothing(watch):
    task = load_trials().trials["trial_1"].task.model_copy(update={"port_name": "sfp_port_7"})
    result = watch.insert_cable(task)
    assert not result.success
    assert "nic_card_mount_0/sfp_port_7" in result.message
    assert "valid are" in result.message
    assert watch.moved_s == 0.0


def test_an_aic_task_is_seated(watch, cell):
    assert not watch.truth()["seated"]
    result = watch.insert_cable(load_trials().trials["trial_1"].task)
    assert (result.success, result.message) == (True, "seated"), cell.output
    assert_truth_agrees(watch, "nic_card_mount_0/sfp_port_0")
