"""The observed board: looks go in, every port of the layout comes out, seen or by design."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.camera import CameraIntrinsics
from cablecell.core.config.estimator import EstimatorSettings
from cablecell.core.config.port_estimator import PortEstimatorParameters
from cablecell.core.fusion.board import BoardEstimator, ExpectedBoard, Use
from cablecell.core.fusion.board_looks import Viewer, fiducial_region
from cablecell.core.fusion.board_state import BoardState, CameraRig, Look
from cablecell.core.fusion.ports import PortEstimate, port_estimate
from cablecell.core.geometry import adjoint, invert_pose
from cablecell.core.motion.model import RobotModel
from cablecell.core.perception.detection import Corners, find_corners
from cablecell.core.perception.fiducials import Patch
from cablecell.core.perception.layout import NominalPort
from cablecell.core.perception.outcome import NoEstimate
from cablecell.ports import Region
from cablecell.ros.estimator_errors import UnknownPortError, error_of
from cablecell.ros.estimator_images import View
from cablecell.ros.estimator_layout import BoardLayout

Matrix = NDArray[np.float64]

_PALM_RADIUS_M, _PALM_FROM_M, _PALM_TO_M = 0.04, -0.16, -0.047
"""The gripper's palm as a cylinder along z of `tcp`: what it hides is not looked for."""


@dataclass(frozen=True)
class Knowledge:
    """What the node knows from the robot's description.

    Attributes:
        X_base_world: Pose of `world` in `base_link`, shape (4, 4).
        mounts: X_tcp_optical by camera name.
    """

    X_base_world: Matrix
    mounts: Mapping[str, Matrix]

    @staticmethod
    def read(urdf: str, cameras: Sequence[str]) -> Knowledge:
        """Read a description.

        Raises:
            UnknownFrameError: It has no `<camera>_camera_optical_frame` (code 103).
        """
        model = RobotModel(urdf)
        mounts = {name: model.relative_pose("tcp", f"{name}_camera_optical_frame") for name in cameras}
        return Knowledge(invert_pose(model.X_world_base), mounts)


@dataclass(frozen=True)
class ReportedPort:
    """A port as it is reported.

    Attributes:
        estimate: Pose and covariance.
        looks: Views of the board that are in it; 0 when it is by design alone.
    """

    estimate: PortEstimate
    looks: int


class ObservedBoard:
    """One board in front of one arm; a step object without clock or middleware."""

    def __init__(
        self, knowledge: Knowledge, layout: BoardLayout, patches: tuple[Patch, ...], parameters: PortEstimatorParameters
    ) -> None:
        """Start without having seen the board."""
        self.layout = layout
        self._parameters = parameters
        self._patches = patches
        self._settings = EstimatorSettings()
        self._rig = CameraRig.calibrated(knowledge.mounts, self._settings)
        self._X_base_nominal = knowledge.X_base_world @ layout.X_world_board
        expected = ExpectedBoard(self._X_base_nominal, parameters.board_radius_m, parameters.board_turn_rad)
        self._board = BoardEstimator(self._rig, self._settings, expected)

    def find(self, names: Sequence[str]) -> list[str]:
        """Return the full names of ports; all of the layout for none. A bare port name must fit one port only.

        Raises:
            UnknownPortError: A name fits no port or several.
        """
        found = []
        for name in names:
            fits = [full for full in self.layout.ports if name in (full, full.rpartition("/")[2])]
            if len(fits) != 1:
                valid = ", ".join(sorted(self.layout.ports))
                problem = "is not on the board" if not fits else f"fits {', '.join(fits)}"
                raise UnknownPortError(
                    f"port '{name}' {problem}; valid are {valid}", quantity="port_names", value=name, limit=valid
                )
            found += fits
        return found or list(self.layout.ports)

    def add(self, view: View) -> Use:
        """Take in one view and return what became of it.

        Raises:
            ObservationError: The view cannot be used (family 500); the estimate so far stays, unless its board has
                moved.
        """
        seen: dict[str, Corners] = {}
        unseen: list[NoEstimate] = []
        for name, frame in view.frames.items():
            corners = find_corners(frame, self._patches)
            if isinstance(corners, Corners):
                seen[name] = corners
            else:
                unseen.append(corners)
        report = self._board.add(Look(view.stamp_s, view.X_base_tcp, seen))
        if report.problem is None:
            return report.use
        # Where no camera is of use, the reasons of the single images say more than "nothing was seen".
        raise error_of(unseen[-1] if not seen and unseen else report.problem)

    def state(self, now_s: float) -> BoardState | NoEstimate:
        """Return the board, or why it is not known."""
        return self._board.estimate(now_s)

    def port(self, name: str, now_s: float) -> PortEstimate:
        """Return a port that was seen.

        Raises:
            ObservationError: It was not seen, too long ago, or is too uncertain (family 500).
        """
        board = self._board.estimate(now_s)
        answer = (
            board if isinstance(board, NoEstimate) else port_estimate(board, self.layout.ports[name], self._settings)
        )
        if isinstance(answer, NoEstimate):
            raise error_of(answer)
        return answer

    def ports(self, now_s: float) -> list[ReportedPort]:
        """Return every port of the layout: as estimated, or by design with the board where it is put."""
        board = self._board.estimate(now_s)
        reported = []
        for port in self.layout.ports.values():
            answer = board if isinstance(board, NoEstimate) else port_estimate(board, port, self._settings)
            if isinstance(answer, NoEstimate) or isinstance(board, NoEstimate):
                reported.append(ReportedPort(self._by_design(port, now_s), 0))
            else:
                reported.append(ReportedPort(answer, board.looks))
        return reported

    def regions(
        self, X_base_tcp: Matrix, now_s: float, intrinsics: Mapping[str, CameraIntrinsics]
    ) -> dict[str, Region]:
        """Return the part of each image that shows the fiducials; no entry where all of it is needed."""
        board = self._board.estimate(now_s)
        if isinstance(board, NoEstimate):
            return {}
        viewer = Viewer(self._rig, intrinsics, _palm())
        margin = self._parameters.region_margin_px
        found = {
            name: fiducial_region(viewer, name, X_base_tcp, board.X_base_board, self._patches, margin)
            for name in intrinsics
        }
        return {name: region for name, region in found.items() if region is not None}

    def _by_design(self, port: NominalPort, now_s: float) -> PortEstimate:
        parameters = self._parameters
        P = np.diag([parameters.unseen_sigma_m**2] * 3 + [parameters.unseen_sigma_rad**2] * 3)
        A = adjoint(invert_pose(port.X_board_entrance))
        return PortEstimate(
            name=port.name,
            stamp_s=now_s,
            X_base_entrance=self._X_base_nominal @ port.X_board_entrance,
            covariance=A @ P @ A.T,
            depth_m=port.depth_m,
            age_s=0.0,
            sources=("nominal layout",),
        )


def _palm() -> Matrix:
    angle = np.linspace(0.0, 2.0 * np.pi, 16, endpoint=False)
    ring = _PALM_RADIUS_M * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.vstack([np.column_stack([ring, np.full(len(ring), z)]) for z in (_PALM_FROM_M, _PALM_TO_M)])
