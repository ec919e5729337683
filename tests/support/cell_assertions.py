"""What must be true of `cell.launch.xml`, whichever engine runs it: the cell's launcher or the real `ros2 launch`."""

from __future__ import annotations

from tests.support.cell_graph import DECIDING, NODES, CellWatch, simulation_entities
from tests.support.graph import GraphClient
from tests.support.wait import wait_until


def assert_cell_is_whole(client: GraphClient) -> None:
    """Every node is there, and none that decides subscribes or calls anything of the simulation."""
    assert {name for name, _ in client.node.get_node_names_and_namespaces()} >= set(NODES)
    assert simulation_entities(client, DECIDING) == []
    wait_until(lambda: simulation_entities(client, ("sim_camera",)), what="the walk to find what the renderer hears")


def assert_job_seats(watch: CellWatch, trial: str, port: str) -> None:
    """A job seats the plug of a trial, and the truth agrees."""
    assert not watch.truth()["seated"]
    result = watch.run_job(trial)
    assert (result.error_code, result.error_msg) == (0, "")
    assert result.status.steps_succeeded == 1
    assert_truth_agrees(watch, port)


def assert_truth_agrees(watch: CellWatch, port: str) -> None:
    """The plug is seated in its port, and nothing was touched that must not be."""
    wait_until(lambda: watch.truth()["seated"], timeout_s=5.0, what="the truth to agree")
    truth = watch.truth()
    assert truth["inserted"] == port
    assert truth["offlimit_contacts"] == 0
