"""The wrist cameras in a rollout: images of the simulated scene, read by the estimator of the running cell."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cablecell.composition.board_modules import design_board
from cablecell.composition.camera_rig import SIDES, CameraRig, camera_mounts
from cablecell.configuration import load_fiducials
from cablecell.core.config.camera import CameraIntrinsics
from cablecell.core.config.connector import Connector
from cablecell.core.config.simulation import SimulationSettings
from cablecell.core.config.trial import Trial
from cablecell.core.fusion.board import ExpectedBoard
from cablecell.core.fusion.board_looks import Viewer, palm_outline
from cablecell.core.fusion.board_state import BoardState
from cablecell.core.fusion.board_state import CameraRig as CalibratedRig
from cablecell.core.fusion.ports_estimator import EstimatorConfiguration, HeldPlug, PortEstimator
from cablecell.core.fusion.ports_plug import PlugState
from cablecell.core.insertion.errors import LostEstimateError
from cablecell.core.insertion.grasp import GraspTolerance, grasp_covariance
from cablecell.core.insertion.observation import PoseEstimate
from cablecell.core.perception.fiducials import build_patches
from cablecell.core.perception.outcome import NoEstimate
from cablecell.core.perception.plug_body import plug_body
from cablecell.simulation.machine import SimulatedMachine
from cablecell.simulation.scene import Scene

Matrix = NDArray[np.float64]


class Eyes:
    """Looks at the scene of a machine, and says what the skill may know of port and plug.

    Nothing of the truth reaches the estimator but images: it is told the design of the board, about where that is put,
    the design of the grasp, and what the arm says of its own pose.
    """

    def __init__(
        self,
        machine: SimulatedMachine,
        described: Scene,
        trial: Trial,
        connectors: Mapping[str, Connector],
        settings: SimulationSettings,
        *,
        X_base_board_put: Matrix,
        X_tcp_tip_designed: Matrix,
        seed: int,
    ) -> None:
        """Make cameras and estimator; nothing was seen yet.

        Args:
            machine: The machine, connected.
            described: Its scene, with the arm as described.
            trial: Its trial; of the board only the used slots are read.
            connectors: By name.
            settings: Of the machine; decides the errors of arm and cameras.
            X_base_board_put: Where somebody has put the board, to some centimetres, shape (4, 4).
            X_tcp_tip_designed: How the plug should be held, shape (4, 4).
            seed: Of the machine.
        """
        self._machine, self._target = machine, described.target
        self._rig = CameraRig(CameraIntrinsics(), settings)
        self._rig.show_scene(described, seed)
        self._design = design_board(trial.scene.task_board, trial.task_board_limits, connectors)
        configuration = EstimatorConfiguration()
        mounts = CalibratedRig.calibrated(camera_mounts(described), configuration.errors)
        self._estimator = PortEstimator(
            Viewer(mounts, {side: CameraIntrinsics() for side in SIDES}, palm_outline()),
            build_patches(load_fiducials()),
            self._design.ports,
            modules=self._design.modules,
            configuration=configuration,
            expected=ExpectedBoard(X_base_board_put, radius_m=0.08, turn_rad=0.35),
        )
        body = plug_body(described.ports[described.target].connector)
        self._X_tcp_tip_designed = X_tcp_tip_designed
        self._estimator.hold(HeldPlug(X_tcp_tip_designed, body))
        self._estimator.focus([self._target])

    def look(self, X_base_tcp: Matrix) -> None:
        """Take an image with every camera and read them.

        Args:
            X_base_tcp: Pose of the tool as the arm says it is, shape (4, 4).
        """
        now_s = self._machine.clock.now_s()
        self._rig.set_state(self._machine.scene_state().flatten())
        regions = {side: region for side, region in self._estimator.regions(X_base_tcp, now_s).items() if region}
        self._estimator.look(
            now_s, X_base_tcp, {side: self._rig.capture(side, region) for side, region in regions.items()}
        )

    def look_for_everything(self) -> None:
        """From now on, look for the modules of all ports, not only for that of the target."""
        self._estimator.focus(())

    def best_view(self, X_base_tcp: Matrix, height_m: float) -> Matrix | None:
        """Return the pose of the tool, shape (4, 4), that shows the target best; None where there is nothing to be won.

        Args:
            X_base_tcp: Pose whose turn is kept, but for what is gained by another.
            height_m: Of the tip above the mouth of the port, about.
        """
        now_s = self._machine.clock.now_s()
        board = self._estimator.board(now_s)
        if isinstance(board, NoEstimate):
            return None
        mouth = board.X_base_board @ self._estimator.place(board, self._target).X_board_entrance
        X = X_base_tcp.copy()
        X[:3, 3] += mouth[:3, 3] - height_m * mouth[:3, 2] - (X_base_tcp @ self._X_tcp_tip_designed)[:3, 3]
        choice = self._estimator.best_view(self._target, X, now_s)
        return None if isinstance(choice, NoEstimate) else choice.X_base_tcp

    def board(self) -> Matrix | None:
        """Return X_base_board as it was seen, shape (4, 4); None where it was not."""
        board = self._estimator.board(self._machine.clock.now_s())
        return board.X_base_board if isinstance(board, BoardState) else None

    def entrances(self) -> dict[str, Matrix]:
        """Return X_base_entrance of the ports that were found, shape (4, 4), by name."""
        ports = self._estimator.ports(self._machine.clock.now_s())
        return {port.estimate.name: port.estimate.X_base_entrance for port in ports if port.looks}

    def estimates(self, tolerance: GraspTolerance) -> tuple[PoseEstimate, PoseEstimate]:
        """Return the port in `base_link` and the tip in `tcp`, as the skill of the running cell gets them.

        Where the plug was seen, the port carries the whole uncertainty of the one relative to the other.

        Raises:
            LostEstimateError: The port was not found (code 411).
        """
        now_s = self._machine.clock.now_s()
        answer = self._estimator.port(self._target, now_s)
        if isinstance(answer, NoEstimate):
            raise LostEstimateError(
                f"{self._target} was not found: {answer.message}", quantity="port", value=self._target
            )
        plug = self._estimator.plug(now_s)
        if isinstance(plug, PlugState) and plug.is_seen:
            found = {port.estimate.name: port for port in self._estimator.ports(now_s, plug)}[self._target]
            assert found.covariance_to_tip is not None
            port = PoseEstimate(now_s, found.estimate.X_base_entrance, found.covariance_to_tip)
            return port, PoseEstimate(now_s, plug.X_tcp_tip, np.zeros((6, 6)))
        X = self._X_tcp_tip_designed
        covariance = grasp_covariance(X, tolerance.position_sigma_m, tolerance.rotation_sigma_rad)
        return PoseEstimate(now_s, answer.X_base_entrance, answer.covariance), PoseEstimate(now_s, X, covariance)
