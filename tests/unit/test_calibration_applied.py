"""A hand-eye record as the estimator takes it: pinholes that see what the lenses see, and covariance in its order."""

from __future__ import annotations

import numpy as np
import pytest

from cablecell.core.calibration.applied import apply_record, equivalent_pinhole
from cablecell.core.calibration.camera_model import LensModel
from cablecell.core.calibration.record import ExpiredRecordError, ForeignRecordError, rows_of, signed
from cablecell.core.calibration.rig import calibrate_rig
from cablecell.core.config.port_estimator import PortEstimatorParameters
from cablecell.evaluation.calibration_runs import handeye_record
from cablecell.records.calibration import CalibrationStore
from cablecell.ros.estimator_calibration import load_calibration
from tests.support.calibration_views import NOMINAL_LENSES, make_views

NOW_S = 1_800_000_000.0


@pytest.fixture(scope="module")
def record():
    made = make_views(14, 31, corner_px=0.03, tool_m=5e-5, tool_rad=1e-4)
    found = handeye_record(calibrate_rig(made.views, NOMINAL_LENSES), "sim-0", "made up")
    return signed(found.model_copy(update={"created_s": NOW_S, "expires_s": NOW_S + 1000.0}))


def test_decentring_becomes_a_turn_and_a_shift():
    lens = LensModel(1152, 1024, np.array([1237.0, 1236.0, 575.0, 512.0, 0.0, 4e-5, -6e-5]))
    R, pinhole, rest = equivalent_pinhole(lens)
    rays = np.array([[0.3, -0.2, 1.0], [0.0, 0.0, 1.0], [-0.35, 0.3, 1.0]])
    found = LensModel.of(pinhole).project(rays @ R)
    bare = LensModel(1152, 1024, np.array([*lens.values[:4], 0.0, 0.0, 0.0])).project(rays)
    assert rest < 0.01
    assert np.abs(found - lens.project(rays)).max() < 0.03
    assert np.abs(bare - lens.project(rays)).max() > 0.03, "without it there would be an error"


def test_a_pinhole_is_its_own_equivalent():
    R, pinhole, rest = equivalent_pinhole(NOMINAL_LENSES["left"])
    assert np.abs(R - np.eye(3)).max() < 1e-12
    assert pinhole.fx == pytest.approx(NOMINAL_LENSES["left"].values[0], abs=1e-9)
    assert rest < 1e-9


def test_mounts_and_covariance_come_in_the_asked_order(record):
    order = ["right", "left"]
    applied = apply_record(record, now_s=NOW_S, cell="sim-0", cameras=order)
    assert list(applied.rig.mounts) == order
    full = np.array(record.mount_covariance)
    scatter = record.figures["tool_scatter_m"]
    index = 6 * record.cameras.index("right")
    grown = applied.rig.covariance[:3, :3] - full[index : index + 3, index : index + 3]
    assert np.linalg.eigvalsh(grown)[0] > 0.9 * scatter**2, "the arm's own scatter is in it"
    cross = applied.rig.covariance[:6, 6:]
    left = 6 * record.cameras.index("left")
    assert np.linalg.norm(cross) > np.linalg.norm(full[index : index + 6, left : left + 6]) * 0.5


def test_a_record_of_another_time_or_cell_is_refused(record):
    with pytest.raises(ExpiredRecordError):
        apply_record(record, now_s=NOW_S + 2000.0, cell="sim-0", cameras=["left"])
    with pytest.raises(ForeignRecordError):
        apply_record(record, now_s=NOW_S, cell="sim-1", cameras=["left"])
    with pytest.raises(ForeignRecordError):
        apply_record(record, now_s=NOW_S, cell="sim-0", cameras=["left", "top"])


def test_the_node_reads_the_valid_record(tmp_path, record, monkeypatch):
    assert load_calibration(PortEstimatorParameters()) is None
    monkeypatch.setattr("cablecell.ros.estimator_calibration.time.time", lambda: NOW_S)
    CalibrationStore(tmp_path).save(record)
    found = load_calibration(PortEstimatorParameters(calibration_folder=str(tmp_path)))
    assert rows_of(found.rig.mounts["left"]) != record.mounts["left"] or found.rest_px == 0.0
    assert np.abs(found.rig.mounts["left"][:3, 3] - np.array(record.mounts["left"])[:3, 3]).max() < 1e-12
    with pytest.raises(ForeignRecordError, match="sim-3"):
        load_calibration(PortEstimatorParameters(calibration_folder=str(tmp_path), cell_id="sim-3"))
