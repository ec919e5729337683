"""The drift watch of `port_estimator`: views and plugs in, alarms and diagnostics out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from numpy.typing import NDArray

from cablecell.core.config.estimator import EstimatorSettings
from cablecell.core.fusion.board_state import AROUND_BOARD_M, BoardState, CameraRig, kinematics_covariance
from cablecell.core.fusion.drift import DriftAlarm, DriftWatch, FeltSeat, SeenPose, WatchedLook
from cablecell.core.fusion.drift_look import seen_boards
from cablecell.core.perception.detection import Corners
from cablecell.core.perception.outcome import NoEstimate

Matrix = NDArray[np.float64]


class DriftReport:
    """Watches from the first look that found the board on; the last alarm stays told until the board is set anew."""

    def __init__(self, mounts: Mapping[str, Matrix], rig: CameraRig | None) -> None:
        """Watch nothing yet.

        Args:
            mounts: X_tcp_optical as described.
            rig: Mounts and covariance of a calibration record; None where the description counts.
        """
        self._settings = EstimatorSettings()
        self._rig = rig or CameraRig.calibrated(mounts, self._settings)
        self._watch: DriftWatch | None = None
        self._last: DriftAlarm | None = None
        self._looks = self._seats = 0

    def look(
        self, stamp_s: float, X_base_tcp: Matrix, seen: Mapping[str, Corners], board: BoardState | NoEstimate
    ) -> DriftAlarm | None:
        """Take in what the images of a look show, and return an alarm that is new.

        Args:
            stamp_s: Time of exposure, s.
            X_base_tcp: Pose of the tool, shape (4, 4).
            seen: Corners of the fiducials, by camera.
            board: What the estimator knows after this look; it begins the watch.
        """
        if self._watch is None:
            if isinstance(board, NoEstimate):
                return None
            self._X_base_board = board.X_base_board
            tool = kinematics_covariance(self._settings, AROUND_BOARD_M)
            self._watch = DriftWatch(self._rig, self._X_base_board, tool)
        poses = seen_boards(seen, self._rig.mounts, X_base_tcp, self._X_base_board, self._settings)
        return self._add(WatchedLook(stamp_s, X_base_tcp, poses))

    def plug(self, stamp_s: float, X_tcp_tip: Matrix, covariance: Matrix, X_tcp_nominal: Matrix) -> DriftAlarm | None:
        """Take in where a plug is held, once in a grasp, against where it should be; return an alarm that is new."""
        if self._watch is None:
            return None
        tip = SeenPose(X_tcp_tip, covariance)
        return self._add(WatchedLook(stamp_s, np.eye(4), {}, tip, X_tcp_nominal))

    def seat(self, stamp_s: float, seat: FeltSeat) -> DriftAlarm | None:
        """Take in where a plug was seated, once in a grasp; return an alarm that is new."""
        if self._watch is None:
            return None
        self._seats += 1
        return self._add(WatchedLook(stamp_s, np.eye(4), {}, seat=seat))

    def status(self, node: str) -> Any:
        """Return what is to be said now."""
        alarm = self._last
        status = DiagnosticStatus(level=DiagnosticStatus.OK, name=f"{node}: calibration drift", hardware_id="cell")
        if alarm is None:
            status.message = f"nothing moved in {self._looks} looks, {self._seats} seats among them"
            return status
        status.level, status.message = DiagnosticStatus.ERROR, str(alarm.error)
        values = {
            "code": str(alarm.error.code),
            "part": alarm.part,
            "change": " ".join(f"{value:.6f}" for value in alarm.change),
            "sigma": " ".join(f"{value:.6f}" for value in alarm.sigma),
            "since_s": f"{alarm.since_s:.3f}",
            "looks": str(alarm.looks),
            "evidence": f"{alarm.evidence:.1f}",
            "or": ", ".join(alarm.alternatives),
        }
        status.values = [KeyValue(key=key, value=value) for key, value in values.items()]
        return status

    def _add(self, look: WatchedLook) -> DriftAlarm | None:
        assert self._watch is not None
        self._looks += 1
        alarm = self._watch.add(look)
        self._last = self._watch.alarm or self._last
        return alarm
