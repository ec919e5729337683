"""The settings of the sensors: documented, switchable, and known in size to the estimator."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from cablecell.core.config.camera import CameraIntrinsics
from cablecell.core.config.documents import DocumentError
from cablecell.core.config.estimator import EstimatorSettings
from cablecell.core.config.sensors import CameraSettings
from cablecell.core.config.simulation import SimulationSettings, parse_simulation
from cablecell.evaluation import sensor_table

RANGE_M = 0.3
"""Distance of the wrist cameras from what they look at."""


def test_the_table_of_the_sensors_is_up_to_date():
    path = Path(sensor_table.__file__).parents[3] / "docs" / "sensors.md"
    assert path.read_text(encoding="utf-8") == sensor_table.render(), "run python -m cablecell.evaluation.sensor_table"


def test_exact_settings_have_no_sensor_error():
    exact = SimulationSettings().exact()
    assert not exact.wrench_sensor.has_errors
    for group in (exact.encoders, exact.kinematics, exact.cameras):
        for name, value in group.model_dump().items():
            if not name.endswith("time_s"):
                assert not any(value) if isinstance(value, list) else value == 0, name


@pytest.mark.parametrize(
    ("group", "key", "value", "line"),
    [
        ("wrench_sensor", "noise_n", -0.1, "wrench_sensor.noise_n = -0.1 N is below the minimum of 0.0 N"),
        ("cameras", "latency_s", 2.0, "cameras.latency_s = 2.0 s is above the maximum of 1.0 s"),
        ("kinematics", "length_error_m", 0.1, "kinematics.length_error_m = 0.1 m is above the maximum of 0.005 m"),
        ("encoders", "bits", 64, "encoders.bits = 64 is above the maximum of 32"),
    ],
)
def test_a_size_out_of_range_is_one_clear_line(group, key, value, line):
    with pytest.raises(DocumentError, match=line):
        parse_simulation({group: {key: value}}, "simulation.yaml")


def test_the_estimator_reckons_with_the_stated_errors_of_the_cameras():
    """Mount states carry hand-eye errors, and errors of focal length and principal point as what they look like."""
    cameras, believed, K = CameraSettings(), EstimatorSettings(), CameraIntrinsics()
    own_m = math.hypot(cameras.hand_eye_own_m, cameras.focal_error * RANGE_M)
    own_rad = math.hypot(cameras.hand_eye_own_rad, cameras.centre_error_px / K.fx)
    assert own_m <= believed.mount_own_sigma_m <= 1.2 * own_m
    assert own_rad <= believed.mount_own_sigma_rad <= 1.2 * own_rad
    assert believed.mount_common_sigma_m == cameras.hand_eye_common_m
    assert believed.mount_common_sigma_rad == cameras.hand_eye_common_rad
    # Half way to the corner, what is left of the distortion moves a patch by this.
    r = 0.5 * math.hypot(K.cx, K.cy) / K.fx
    assert believed.shared_sigma_px >= cameras.k1_error * r**3 * K.fx
