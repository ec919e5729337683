"""The benchmark `control`: its rig feels what the truth is, and a row says whether a target is met."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cablecell.evaluation import bench_control
from cablecell.evaluation.control_checks.check import Check, hold_command
from cablecell.evaluation.control_rig import ControlRig, Push
from cablecell.ports import CommandMode


def test_a_row_says_whether_its_target_is_met():
    rows = [Check("a", "N", 0.4, lambda seed, v=v: (v, {"note": 1})).run(7) for v in (0.4, 0.41, math.inf, math.nan)]
    assert [row["pass"] for row in rows] == [True, False, False, False]
    assert Check("a", "us", math.inf, lambda seed: (1.0, {})).run(1)["target"] is None


def test_names_of_checks_are_unique_and_figures_without_a_target_are_not_counted():
    checks = bench_control.checks()
    assert len(checks) >= 20
    rows = [
        {"check": name, "unit": c.unit, "measured": 1.0, "target": None, "pass": True} for name, c in checks.items()
    ]
    assert bench_control.table(rows).row_count == len(checks)


def test_the_sensor_of_the_rig_feels_what_pushes_the_tool():
    rig = ControlRig(CommandMode.EFFORT, 3)
    try:
        rig.tare()
        X = rig.controller.report.X_base_tcp.copy()
        force = np.array([4.0, -3.0, 2.0])
        rig.push = Push("gripper_base_link_joint", rig.to_world(force), rig.point_in_world(np.eye(4)))
        K = np.diag([2000.0] * 3 + [60.0] * 3)
        rig.run(1.0, lambda _: rig.controller.command_compliance(hold_command(rig.now_s, X, K), rig.now_s))
        assert rig.wrench is not None
        felt = X[:3, :3] @ rig.wrench[:3]
    finally:
        rig.close()
    assert felt == pytest.approx(force, abs=0.4)


def test_a_check_is_run_by_name_and_seed():
    row = bench_control.run_one(("torque_overshoot", 5))
    assert row["pass"]
    assert row["mean_n"] == pytest.approx(10.0, abs=0.4)


def test_a_hit_on_the_forearm_is_found_though_the_wrist_feels_little():
    row = bench_control.run_one(("torque_hit_forearm", 4))
    assert row["pass"], row
    assert row["wrist_felt_n"] < 10.0
