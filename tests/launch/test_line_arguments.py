"""What makes a cell a workcell of a line: its adapter, its ledger, and a supervisor that works the queue off."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cablecell.composition.launch_check import check_plan, effective_parameters
from cablecell.core.supervision.line import LineSettingsError
from cablecell.launcher.planner import Planner

LAUNCH = Path(__file__).parents[2] / "launch" / "cell.launch.xml"


def plan_of(folder, **arguments):
    return Planner(os.environ, folder).plan(LAUNCH, {"hardware": "mock", **arguments})


@pytest.mark.parametrize(
    ("arguments", "works_queue"),
    [({}, False), ({"queue": "true"}, True), ({"nexus": "true"}, True), ({"queue": "true", "nexus": "true"}, True)],
)
def test_a_workcell_of_a_line_works_its_queue_off(tmp_path, arguments, works_queue):
    found = effective_parameters(plan_of(tmp_path, ledger="/night.db", **arguments))
    assert found["cell_supervisor"]["works_queue"][1] is works_queue
    assert ("nexus_workcell" in found) is ("nexus" in arguments)
    if "nexus" in arguments:
        assert found["nexus_workcell"]["ledger_file"][1] == "/night.db"


def test_without_a_ledger_it_is_not_started(tmp_path):
    with pytest.raises(LineSettingsError, match="launch with ledger:=FILE") as raised:
        check_plan(plan_of(tmp_path, nexus="true"))
    assert raised.value.code == 760
