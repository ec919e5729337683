"""Up and down ten times: the first one seats a connector by a job, the others come up and go down again."""

import pytest

from tests.support.cell_graph import CellWatch
from tests.support.cell_launch import launch_cell, take_down
from tests.support.graph import GraphClient
from tests.support.wait import wait_until


@pytest.fixture
def watch():
    with GraphClient() as graph:
        yield CellWatch(graph)


def test_a_job_seats_a_connector_then_everything_ends(watch, tmp_path):
    with launch_cell(tmp_path, "seed:=3") as launch:
        watch.wait_ready()
        assert not watch.truth()["seated"]
        result = watch.run_job("trial_1")
        assert (result.error_code, result.error_msg) == (0, ""), launch.output
        assert result.status.steps_succeeded == 1
        wait_until(lambda: watch.truth()["seated"], timeout_s=5.0, what="the truth to agree")
        assert watch.truth()["inserted"] == "nic_card_mount_0/sfp_port_0"
        take_down(launch)


@pytest.mark.parametrize("round_number", range(2, 11))
def test_up_and_down(watch, tmp_path, round_number):
    with launch_cell(tmp_path, f"seed:={round_number}") as launch:
        watch.wait_ready()
        take_down(launch)
