"""The launch arguments of calibration records reach every node that has such a parameter, and no other."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from cablecell.composition.machines import MACHINES
from cablecell.core.config.nodes import NODES
from cablecell.launcher.parameters import ParameterText
from cablecell.launcher.planner import Planner

LAUNCH = Path(__file__).parents[2] / "launch"
RECORDS = ("camera_record", "plug_record", "wrench_record")


def parameters_of(folder, file, **arguments):
    """Return what a launch file says to each node by single parameters."""
    given = {}
    for process in Planner(os.environ, folder).plan(LAUNCH / file, arguments).processes:
        texts = [word.text for word in process.command if isinstance(word, ParameterText)]
        for node, values in (item for text in texts for item in yaml.safe_load(text).items()):
            given.setdefault(node.rsplit("/", 1)[-1], {}).update(values["ros__parameters"])
    return given


@pytest.mark.parametrize("hardware", sorted(MACHINES))
def test_records_and_the_name_of_the_cell_reach_who_has_them(tmp_path, hardware):
    values = {**{name: f"/records/{name}" for name in RECORDS}, "cell_id": "bench-7"}
    given = parameters_of(tmp_path, "cell.launch.xml", hardware=hardware, **values)
    for node, found in given.items():
        wanted = {name: value for name, value in values.items() if name in NODES[node].model_fields}
        assert {name: found[name] for name in values if name in found} == wanted
    assert {node for node in given if "plug_record" in given[node]} == {"port_estimator", "insertion_skill"}


def test_without_them_nothing_is_read_and_the_cell_is_named_after_machine_and_seed(tmp_path):
    given = parameters_of(tmp_path, "cell.launch.xml", seed="3")
    for node in ("arm_controller", "port_estimator", "insertion_skill"):
        assert given[node]["cell_id"] == "sim-3"
        assert not any(given[node].get(name) for name in RECORDS)


@pytest.mark.parametrize("file", ["teleop.launch.xml", "demo.launch.xml"])
def test_a_file_that_includes_the_cell_hands_them_on(tmp_path, file):
    needed = {"trials_file": "", "trial": "trial_1", "recording": "/runs/run.mcap"} if "demo" in file else {}
    given = parameters_of(tmp_path, file, wrench_record="/records", cell_id="bench-7", **needed)
    assert given["arm_controller"]["wrench_record"] == "/records"
    assert given["port_estimator"]["cell_id"] == "bench-7"
