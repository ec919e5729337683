"""Records of lenses, plug and force sensor as the nodes take them: used when valid, refused by their code when not."""

from __future__ import annotations

import time

import numpy as np
import pytest

from cablecell.core.calibration.record import ExpiredRecordError, ForeignRecordError, MissingRecordError, signed
from cablecell.core.calibration.rig import calibrate_rig
from cablecell.core.config.port_estimator import PortEstimatorParameters
from cablecell.core.fusion.wrench import Payload, PayloadEstimate
from cablecell.core.insertion.grasp import HeldPlug
from cablecell.evaluation.calibration_runs import handeye_record, wrench_record
from cablecell.records.calibration import CalibrationStore
from cablecell.ros.calibration_records import gripped_as_measured, load_record, sensed_load
from cablecell.ros.estimator_calibration import load_lenses
from tests.support.calibration_views import NOMINAL_LENSES, make_views, nominal_mounts

BIAS = np.array([1.0, -0.5, 0.2, 0.01, 0.02, -0.03])


@pytest.fixture
def wrench():
    payload = Payload(1.1, np.array([0.001, -0.002, 0.07]))
    return wrench_record(PayloadEstimate(payload, BIAS, 0.001, 0.001, 0.01), "sim-0", "made up")


def test_bias_and_payload_come_from_a_valid_record(tmp_path, wrench):
    CalibrationStore(tmp_path).save(wrench)
    payload, bias = sensed_load(load_record(str(tmp_path), "wrench", "sim-0"))
    assert payload.mass_kg == 1.1
    assert np.array_equal(bias, BIAS)
    assert load_record("", "wrench", "sim-0") is None
    assert sensed_load(None) is None


def test_what_is_missing_foreign_or_expired_is_refused(tmp_path, wrench):
    with pytest.raises(MissingRecordError):
        load_record(str(tmp_path), "wrench", "sim-0")
    CalibrationStore(tmp_path).save(wrench)
    with pytest.raises(ForeignRecordError, match="sim-7"):
        load_record(str(tmp_path), "wrench", "sim-7")
    old_s = time.time() - 1000.0
    CalibrationStore(tmp_path).save(signed(wrench.model_copy(update={"created_s": old_s, "expires_s": old_s + 10.0})))
    with pytest.raises(ExpiredRecordError):
        load_record(str(tmp_path), "wrench", "sim-0")


def test_a_measured_tip_replaces_the_designed_one_of_its_connector_only(wrench):
    held = HeldPlug("cable", "sfp_tip", "sfp", np.eye(4), 0.001, 0.01)
    X = np.eye(4)
    X[:3, 3] = [0.001, 0.0, 0.03]
    record = wrench.model_copy(update={"kind": "plug", "connector": "sfp", "X_tcp_tip": X.tolist()})
    assert np.array_equal(gripped_as_measured(held, record).X_tcp_tip, X)
    assert gripped_as_measured(held, record).position_sigma_m == held.position_sigma_m
    assert gripped_as_measured(held, record.model_copy(update={"connector": "sc"})) is held
    assert gripped_as_measured(held, None) is held
    assert gripped_as_measured(None, record) is None


def test_lenses_of_a_record_go_with_the_mounts_of_the_description(tmp_path):
    made = make_views(14, 31, corner_px=0.03, tool_m=5e-5, tool_rad=1e-4)
    both = handeye_record(calibrate_rig(made.views, NOMINAL_LENSES), "sim-0", "made up")
    lenses = both.model_copy(update={"kind": "camera", "mounts": {}, "mount_covariance": None})
    CalibrationStore(tmp_path).save(lenses)
    parameters, mounts = PortEstimatorParameters(camera_record=str(tmp_path)), nominal_mounts()
    found = load_lenses(parameters, mounts)
    for name, mount in mounts.items():
        assert np.array_equal(found.rig.mounts[name][:3, 3], mount[:3, 3])
        assert found.intrinsics[name].fx == pytest.approx(both.lenses[name].values[0], abs=0.5)
    assert load_lenses(PortEstimatorParameters(), mounts) is None
    with pytest.raises(ValueError, match="one of them must be empty"):
        PortEstimatorParameters(camera_record="a", calibration_folder="b")
