"""Turns what a move has felt into evidence about the port."""

from __future__ import annotations

import math

import numpy as np

from cablecell.core.config.touch import TouchSettings
from cablecell.core.fusion.touch.evidence import Contact, Flush, FreeMove, unloaded_tip
from cablecell.core.fusion.touch.geometry import TouchGeometry
from cablecell.core.geometry import Array, exp_so3, invert_pose, make_pose
from cablecell.core.insertion.observation import PoseEstimate
from cablecell.core.insertion.touch_motion import Felt

_NO_GAP_M = 2.0e-3
"""The gap of aligned faces is told by the contact itself; here it says next to nothing."""

_FLUSH_SHARE, _OPEN_RAD = 0.55, 0.03
"""How near to an end of two faces the push may act for them to be flush, and how far they may be open otherwise."""

_LEAST_TRAVEL_M = 1.0e-4


class EvidenceMaker:
    """Knows connector, belief and errors; what was felt is in the axes of the port as it was believed at first."""

    def __init__(self, geometry: TouchGeometry, settings: TouchSettings, port: PoseEstimate, tip: PoseEstimate) -> None:
        """Begin.

        Args:
            geometry: Of the connector.
            settings: Of the sequence.
            port: The port as believed at first.
            tip: The tip as believed, in `tcp`.
        """
        self._geometry, self._settings = geometry, settings
        self._X_base_port, self._X_tcp_tip = port.X, tip.X
        # A wrong belief about the tip moves the port, relative to it, by the turn of the tool times the error.
        self._tip_sigma_m = math.sqrt(float(np.trace(tip.covariance[:3, :3])) / 3.0)

    def unloaded(self, felt: Felt, X_tcp_comp: Array) -> Array:
        """Return the believed tip in `base_link` without the grasp's give; `felt` is of the frame `X_tcp_comp`."""
        X_base_comp = self._X_base_port @ make_pose(exp_so3(felt.rotvec), felt.p)
        R = self._X_base_port[:3, :3]
        X_base_loose = unloaded_tip(
            X_base_comp @ invert_pose(X_tcp_comp),
            X_tcp_comp,
            R @ felt.force,
            R @ felt.moment,
            stiffness=self._settings.grasp_stiffness,
            rotation_stiffness=self._settings.grasp_rotation_stiffness,
        )
        return np.asarray(X_base_loose @ invert_pose(X_tcp_comp) @ self._X_tcp_tip)

    def contact(self, felt: Felt, direction: Array, aligned: Array, X_tcp_comp: Array) -> Contact:
        """Return a touch at the end of a straight move.

        Args:
            felt: What was felt.
            direction: Of the move.
            aligned: Rotation vector of the believed tip at which the plug is aligned: other turns are less sure.
            X_tcp_comp: Frame that was moved.
        """
        R = self._X_base_port[:3, :3]
        # What was measured about the frame that was moved is wanted about the tip.
        lever = exp_so3(felt.rotvec) @ (invert_pose(self._X_tcp_tip) @ X_tcp_comp)[:3, 3]
        return Contact(
            X_base_tip=self.unloaded(felt, X_tcp_comp),
            direction=R @ direction,
            travel_m=max(float(direction @ (felt.p - felt.start)), _LEAST_TRAVEL_M),
            sigma_m=self._sigma(felt.rotvec, aligned),
            force=R @ felt.force,
            moment=R @ (felt.moment + np.cross(lever, felt.force)),
            sigma_nm=self._settings.moment_sigma_nm,
        )

    def free(self, felt: Felt, direction: Array, aligned: Array) -> FreeMove:
        """Return a move of the tip that met nothing."""
        return FreeMove(
            X_base_tip=self._X_base_port @ make_pose(exp_so3(felt.rotvec), felt.p),
            direction=self._X_base_port[:3, :3] @ direction,
            travel_m=max(float(direction @ (felt.p - felt.start)), _LEAST_TRAVEL_M),
            sigma_m=max(self._sigma(felt.rotvec, aligned), 1.5e-4),
        )

    def flush(self, felt: Felt, side: str, frame: Array, half_m: float, X_tcp_comp: Array) -> Flush:
        """Return what faces say that were turned until no moment was left.

        Args:
            felt: What was felt about the middle of the length in the opening.
            side: Of the port.
            frame: The port as estimated, in the frame of the prior.
            half_m: Half of that length, m.
            X_tcp_comp: Frame that was moved.
        """
        geometry, settings = self._geometry, self._settings
        plug, wall = geometry.faces[side]
        axis = "xy".index(side[1])
        R = frame[:3, :3]
        force, moment = R.T @ felt.force, R.T @ felt.moment
        push = max(abs(float(force[axis])), 1.0e-3)
        front = geometry.front
        wide = 0.5 * float(front[3] - front[2] if axis == 0 else front[1] - front[0])

        def sigma(moment_nm: float, reach_m: float) -> float:
            # Faces lie on each other when the push acts between their ends; at an end one is still open.
            at_end = abs(moment_nm) / (push * reach_m)
            return settings.flush_sigma_rad if at_end < _FLUSH_SHARE else _OPEN_RAD

        return Flush(
            X_base_tip=self.unloaded(felt, X_tcp_comp),
            side=side,
            plug_face_m=plug,
            wall_face_m=wall,
            half_length_m=half_m,
            sigma_m=_NO_GAP_M,
            sigma_yaw_rad=sigma(float(moment[2]), wide),
            sigma_tilt_rad=1.4 * sigma(float(moment[1 - axis]), half_m),
        )

    def _sigma(self, rotvec: Array, aligned: Array) -> float:
        turn = float(np.linalg.norm(rotvec - aligned))
        return math.hypot(self._settings.touch_sigma_m, turn * self._tip_sigma_m)
