"""Broken sensors in a running cell: told by their code in time, and a guarded motion does not go on blindly."""

import pytest

from cablecell.evaluation import bench_health_cell as bench
from tests.support.cell_launch import launch_cell, take_down


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with launch_cell(tmp_path_factory.mktemp("cell"), "seed:=5") as launch:
        graph = bench.HealthClient(lambda: None)
        assert graph.spin_until(graph.is_ready, 90.0), launch.output
        yield graph
        graph.close()
        take_down(launch)


def test_a_camera_that_freezes_while_nobody_looks_is_told(client):
    delay_s = client.found(581, client.inject(cameras={"left": "frozen"}))
    assert delay_s is not None
    assert delay_s < 2.0, "one second on a machine with time to spare"
    client.mend()
    assert not client.told


def test_a_force_sensor_that_is_stuck_ends_the_insertion_with_its_code(client):
    row = bench.in_motion(client, "wrench_guarded", "stuck", 591, 591, 5, {"wrench": {"kind": "stuck", "axis": 1}})
    assert row["delay_s"] < 1.0
    assert row["ended_with"] == 591, row["message"]


def test_a_board_that_is_bumped_on_the_way_withdraws_its_ports_and_ends_the_approach(client):
    row = bench.in_motion(client, "board_approach", "bump", 595, 411, 5, {"board": bench.BUMP_M}, 0.6)
    assert row["delay_s"] < 1.5
    # The approach never goes on: the job ends so, or the board is looked at again and the insertion begins anew.
    assert row["ended_with"] == 411 or row["is_taken_up_again"], row
