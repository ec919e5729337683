"""The calibration that `port_estimator` uses: the description's, or the valid record of a folder."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from cablecell.core.calibration.applied import AppliedCalibration, apply_record
from cablecell.core.config.port_estimator import PortEstimatorParameters
from cablecell.records.calibration import CalibrationStore
from cablecell.ros.estimator_images import View


def load_calibration(parameters: PortEstimatorParameters) -> AppliedCalibration | None:
    """Return the valid hand-eye record of `calibration_folder`; None where no folder is given.

    Raises:
        RecordError: There is no record, it is damaged, expired, of another cell, or has failed (codes 950 to 956).
    """
    if not parameters.calibration_folder:
        return None
    record = CalibrationStore(Path(parameters.calibration_folder)).load("handeye")
    return apply_record(record, now_s=time.time(), cell=parameters.cell_id, cameras=parameters.cameras)


def calibrated(view: View, calibration: AppliedCalibration | None) -> View:
    """Return a view with the calibrated camera models in the place of those that came with the images."""
    if calibration is None:
        return view
    models = calibration.intrinsics
    frames = {name: replace(frame, K=models[name].matrix()) for name, frame in view.frames.items()}
    return replace(view, frames=frames, intrinsics={name: models[name] for name in view.intrinsics})
