"""Every kind of machine has its two files, and the cell's launch file takes its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from cablecell.composition.machines import MACHINES
from cablecell.configuration import read_document
from cablecell.launcher.cli import main

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("kind", sorted(MACHINES))
def test_the_cell_launches_with_each_kind(kind, capsys):
    assert main([str(ROOT / "launch/cell.launch.xml"), f"hardware:={kind}", "--dry-run"]) == 0
    plan = capsys.readouterr().out
    assert "arm_controller" in plan
    assert ("sim_camera" in plan) == (kind == "sim")
    assert "sim_robot" not in plan


def test_the_loop_back_is_asked_for(capsys):
    words = ["hardware:=ros2_control", "loopback:=true", "link_delay_s:=0.004", "--dry-run"]
    assert main([str(ROOT / "launch/cell.launch.xml"), *words]) == 0
    plan = capsys.readouterr().out
    assert "sim_robot" in plan
    assert "sim_camera" in plan


@pytest.mark.parametrize("kind", sorted(MACHINES))
def test_its_parameters_name_it(kind):
    nodes = read_document(ROOT / f"config/hardware/{kind}.yaml")["/**"]
    assert nodes["arm_controller"]["ros__parameters"]["hardware"] == kind
