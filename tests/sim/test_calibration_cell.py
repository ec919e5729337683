"""The simulated cell calibrates itself: an error that was put into the cameras' mounts is found, not suffered."""

from __future__ import annotations

import numpy as np
import pytest

from cablecell.core.geometry import invert_pose, log_se3
from cablecell.evaluation import bench_drift, bench_health
from cablecell.evaluation.calibration_cell import CAMERAS, CalibrationCell
from cablecell.evaluation.calibration_runs import rig_calibration, take_views, touch_point

SEED = 8101


@pytest.fixture(scope="module")
def cell():
    knock = np.array([0.0005, 0.0, 0.0, 0.0, np.radians(0.2), 0.0])
    return CalibrationCell(SEED, knocked={"mount": knock})


def test_a_knocked_mount_is_found_to_a_tenth(cell):
    taken = take_views(cell, 12, SEED)
    found = rig_calibration(cell, taken)
    truth = cell.truth(taken.reachable[:40])
    before, after = [], []
    for name in CAMERAS:
        before.append(log_se3(invert_pose(cell.mounts[name]) @ truth.effective_mounts[name]))
        after.append(log_se3(invert_pose(found.state.mounts[name]) @ truth.effective_mounts[name]))
    assert np.linalg.norm(before[1][:3]) > 4e-4
    assert max(np.linalg.norm(error[:3]) for error in after) < 1.5e-4
    assert max(np.linalg.norm(error[3:]) for error in after) < 4e-4
    errors = np.concatenate(after)
    assert errors @ np.linalg.solve(found.mount_covariance(), errors) / errors.size < 4.0, "and it knows how well"


def test_the_tip_is_found_by_touching_a_point(cell):
    found = touch_point(cell, 10, SEED)
    error = found.p_tcp_tip - cell.X_tcp_tip[:3, 3]
    assert np.linalg.norm(error) < 4e-4
    assert np.linalg.norm(cell.X_tcp_tip_nominal[:3, 3] - cell.X_tcp_tip[:3, 3]) > 4e-4, "the grasp was off"


@pytest.mark.parametrize("index", [0, 2])
def test_what_is_moved_before_rendered_cameras_is_named(index):
    """A board that is bumped by half a millimetre, and a camera that is knocked by as much."""
    row = bench_drift.run_cell(8200 + index, index)
    assert row["part"] == ("board", "center", "left")[index]
    assert row["false_alarms"] == 0
    assert 1 <= row["looks_to_alarm"] <= 3
    assert row["named"] == row["part"]
    assert row["change_error_m"] < 2e-4


def test_the_health_benchmark_finds_every_fault(monkeypatch):
    monkeypatch.setattr(bench_health, "_QUIET_S", 10.0)
    rows, summary = bench_health.run(n=1, seed=8300, workers=1)
    assert summary["found_rate"] == 1.0
    assert summary["camera_false_alarms"] == 0.0
    assert {row["found_code"] for row in rows if row["code"]} >= {581, 582, 583, 584, 585, 586, 587, 591, 592, 593}
