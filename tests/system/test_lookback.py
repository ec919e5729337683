"""A whole cell that is killed while its plug is in the port: the next one asks before anything moves, and goes on."""

from cablecell_interfaces.action import RunJob
from cablecell_interfaces.msg import CellState, InsertionPhase
from typer.testing import CliRunner

from cablecell.cli import app
from cablecell.records.ledger import Ledger
from cablecell.ros import qos
from cablecell.ros.action_client import MutualActionClient
from tests.support.cell_graph import CellWatch, kill
from tests.support.cell_launch import launch_cell, take_down
from tests.support.graph import GraphClient
from tests.support.wait import wait_until


def start(client, job_id):
    action = MutualActionClient(client.node, RunJob, "run_job")
    assert action.wait_for_server(timeout_sec=60.0)
    handle = client.wait_for(action.send_goal_async(RunJob.Goal(job_id=job_id, recipe="trial_1")))
    assert handle.accepted
    return handle


def test_the_next_cell_asks_what_became_of_the_plug(tmp_path):
    path = tmp_path / "ledger.db"
    words = ("seed:=3", f"ledger:={path}")
    with GraphClient() as client, launch_cell(tmp_path, *words) as cell:
        watch = CellWatch(client)
        phases = client.collect(InsertionPhase, "insertion_phase", qos.STATE)
        watch.wait_ready(cell)
        start(client, "night")
        wait_until(
            lambda: any(message.phase == InsertionPhase.PHASE_INSERT for message in phases),
            timeout_s=60.0,
            what="the plug to go in",
        )
        kill("cell_supervisor", cell.pid)
        assert cell.wait(20.0) != 0
        assert cell.left_behind() == []
    with Ledger(path, writes=False) as ledger:
        assert [row["error_code"] for row in ledger.rows("insertions")] == [None]
    with GraphClient() as client, launch_cell(tmp_path, *words) as cell:
        watch = CellWatch(client)
        watch.wait_ready(cell)
        handle = start(client, "night")
        wait_until(
            lambda: watch.states[-1].state == CellState.STATE_HELD, timeout_s=30.0, what=f"the question: {cell.output}"
        )
        assert "Is sfp_tip seated in nic_card_mount_0/sfp_port_0?" in watch.states[-1].reason
        assert watch.moved_s == 0.0, "nothing moves before it is known"
        # Another simulation has begun meanwhile: its port is empty.
        assert CliRunner().invoke(app, ["job", "found", str(path), "empty"]).exit_code == 0
        result = client.wait_for(handle.get_result_async(), timeout_s=120.0, what="the job").result
        assert (result.error_code, result.error_msg) == (0, ""), cell.output
        take_down(cell)
    with Ledger(path, writes=False) as ledger:
        rows = ledger.rows("insertions")
    assert [row["found"] for row in rows] == ["operator", ""]
    assert rows[0]["error_code"] != 0
    assert rows[1]["error_code"] == 0
