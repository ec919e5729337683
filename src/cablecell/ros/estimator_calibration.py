"""The calibration that `port_estimator` uses: the description's, or the valid record of a folder."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cablecell.core.calibration.applied import AppliedCalibration, apply_record, equivalent_pinhole
from cablecell.core.config.estimator import EstimatorSettings
from cablecell.core.config.port_estimator import PortEstimatorParameters
from cablecell.core.fusion.board_state import CameraRig
from cablecell.core.geometry import make_pose
from cablecell.records.calibration import CalibrationStore
from cablecell.ros.calibration_records import load_record
from cablecell.ros.estimator_images import View

Matrix = NDArray[np.float64]


def load_calibration(parameters: PortEstimatorParameters) -> AppliedCalibration | None:
    """Return the valid hand-eye record of `calibration_folder`; None where no folder is given.

    Raises:
        RecordError: There is no record, it is damaged, expired, of another cell, or has failed (codes 950 to 956).
    """
    if not parameters.calibration_folder:
        return None
    record = CalibrationStore(Path(parameters.calibration_folder)).load("handeye")
    return apply_record(record, now_s=time.time(), cell=parameters.cell_id, cameras=parameters.cameras)


def load_lenses(parameters: PortEstimatorParameters, mounts: Mapping[str, Matrix]) -> AppliedCalibration | None:
    """Return the lenses of the valid record of `camera_record` with mounts as described; None where no folder is given.

    Raises:
        RecordError: As of `load_calibration`.
    """
    record = load_record(parameters.camera_record, "camera", parameters.cell_id, parameters.cameras)
    if record is None:
        return None
    turned, intrinsics, rests = {}, {}, []
    for name in parameters.cameras:
        turn, intrinsics[name], rest = equivalent_pinhole(record.lenses[name].model())
        turned[name] = mounts[name] @ make_pose(turn, np.zeros(3))
        rests.append(rest)
    return AppliedCalibration(CameraRig.calibrated(turned, EstimatorSettings()), intrinsics, max(rests))


def calibrated(view: View, calibration: AppliedCalibration | None) -> View:
    """Return a view with the calibrated camera models in the place of those that came with the images."""
    if calibration is None:
        return view
    models = calibration.intrinsics
    frames = {name: replace(frame, K=models[name].matrix()) for name, frame in view.frames.items()}
    return replace(view, frames=frames, intrinsics={name: models[name] for name in view.intrinsics})
