"""Up and down ten times: the first one seats a connector by a job, the others come up and go down again."""

import pytest

from tests.support.cell_assertions import assert_job_seats
from tests.support.cell_graph import CellWatch
from tests.support.cell_launch import launch_cell, take_down
from tests.support.graph import GraphClient


@pytest.fixture
def watch():
    with GraphClient() as graph:
        yield CellWatch(graph)


def test_a_job_seats_a_connector_then_everything_ends(watch, tmp_path):
    with launch_cell(tmp_path, "seed:=3") as launch:
        watch.wait_ready(launch)
        assert_job_seats(watch, "trial_1", "nic_card_mount_0/sfp_port_0")
        take_down(launch)


@pytest.mark.parametrize("round_number", range(2, 11))
def test_up_and_down(watch, tmp_path, round_number):
    with launch_cell(tmp_path, f"seed:={round_number}") as launch:
        watch.wait_ready(launch)
        take_down(launch)
