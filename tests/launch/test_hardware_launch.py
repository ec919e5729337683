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


def test_the_loop_back_of_a_ur_listens_where_the_controller_looks(capsys):
    words = ["hardware:=ur_rtde", "loopback:=true", "link_loss:=0.01", "--dry-run"]
    assert main([str(ROOT / "launch/cell.launch.xml"), *words, "robot_ip:=127.0.0.7"]) == 0
    plan = capsys.readouterr().out
    assert "rtde_address: 127.0.0.7" in plan
    assert "robot_ip: 127.0.0.7" in plan
    assert "loopback_ur.yaml" in plan
    assert main([str(ROOT / "launch/cell.launch.xml"), *words]) == 0
    assert "rtde_address: 127.0.0.1" in capsys.readouterr().out


@pytest.mark.parametrize("kind", sorted(MACHINES))
def test_its_parameters_name_it(kind):
    nodes = read_document(ROOT / f"config/hardware/{kind}.yaml")["/**"]
    assert nodes["arm_controller"]["ros__parameters"]["hardware"] == kind
