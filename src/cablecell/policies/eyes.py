"""What a policy sees in its observations: the board, the port of its task, and the plug in its gripper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cablecell.composition.board_modules import design_board
from cablecell.composition.robot_description import load_robot_description
from cablecell.configuration import load_fiducials
from cablecell.core.config.connector import Connector
from cablecell.core.config.trial import NIC_RAILS, SC_RAILS, Rail, TaskBoard, TaskBoardLimits
from cablecell.core.fusion.board_looks import Viewer, palm_outline
from cablecell.core.fusion.board_state import CameraRig
from cablecell.core.fusion.ports_estimator import EstimatorConfiguration, HeldPlug, PortEstimator
from cablecell.core.fusion.ports_plug import PlugState
from cablecell.core.insertion.errors import LostEstimateError
from cablecell.core.insertion.grasp import GraspTolerance, grasp_covariance
from cablecell.core.insertion.observation import PoseEstimate
from cablecell.core.motion.model import RobotModel
from cablecell.core.perception.fiducials import build_patches
from cablecell.core.perception.outcome import NoEstimate
from cablecell.core.perception.plug_body import plug_body
from cablecell.ros.aic_observations import SIDES
from cablecell.ros.conversions import pose_to_matrix
from cablecell.ros.estimator_images import to_frame, to_intrinsics

Matrix = NDArray[np.float64]

TOLERANCE = GraspTolerance(position_m=0.004, rotation_rad=0.06)
"""How far a plug may be from its published grasp: the samples differ by 3 mm among themselves."""

_ANYWHERE = {"x": 0.0, "y": 0.0, "z": 0.0, "roll": 0.0, "pitch": 0.0, "yaw": 0.0}


def board_with(module: str) -> TaskBoard:
    """Return a board of which only one module is known to be there: all that a task says of it."""
    rails: dict[str, Any] = {rail: Rail(entity_present=False) for rail in (*NIC_RAILS, *SC_RAILS)}
    rail = module.replace("nic_card_mount", "nic_rail").replace("sc_port", "sc_rail")
    rails[rail] = {"entity_present": True, "entity_name": module, "entity_pose": {"translation": 0.0}}
    return TaskBoard.model_validate({"pose": _ANYWHERE, **rails})


class PolicyEyes:
    """Looks through observations.

    Args:
        connectors: By name.
        X_tcp_tips: How each family of plug should be held, shape (4, 4), by name.
    """

    def __init__(self, connectors: Mapping[str, Connector], X_tcp_tips: Mapping[str, Matrix]) -> None:
        self._connectors, self._X_tcp_tips = connectors, X_tcp_tips
        robot = RobotModel(load_robot_description())
        mounts = {side: np.asarray(robot.relative_pose("tcp", f"{side}_camera_optical_frame")) for side in SIDES}
        self._configuration = EstimatorConfiguration()
        self._rig = CameraRig.calibrated(mounts, self._configuration.errors)
        self._patches = build_patches(load_fiducials())

    def begin(self, task: Any, observation: Any) -> None:
        """Forget everything, and look for the port of a task from now on."""
        infos = {side: getattr(observation, f"{side}_camera_info") for side in SIDES}
        intrinsics = {side: to_intrinsics(info) for side, info in infos.items()}
        design = design_board(board_with(task.target_module_name), TaskBoardLimits(), self._connectors)
        self._target = f"{task.target_module_name}/{task.port_name}"
        self._X_tcp_tip = self._X_tcp_tips[task.plug_type]
        self._estimator = PortEstimator(
            Viewer(self._rig, intrinsics, palm_outline()),
            self._patches,
            design.ports,
            modules=design.modules,
            configuration=self._configuration,
        )
        self._estimator.hold(HeldPlug(self._X_tcp_tip, plug_body(self._connectors[task.plug_type])))
        self._estimator.focus([self._target])

    def look(self, observation: Any) -> None:
        """Read the images of an observation that was made at rest."""
        frames = {
            side: to_frame(getattr(observation, f"{side}_image"), getattr(observation, f"{side}_camera_info"))
            for side in SIDES
        }
        self._now_s = frames["left"].stamp_s
        X_base_tcp = pose_to_matrix("tcp_pose", observation.controller_state.tcp_pose)
        self._estimator.look(self._now_s, X_base_tcp, frames)

    def best_view(self, X_base_tcp: Matrix, height_m: float) -> Matrix | None:
        """Return the pose of the tool, shape (4, 4), that shows the port best; None where there is nothing to be won.

        Args:
            X_base_tcp: Pose whose turn is kept, but for what is gained by another.
            height_m: Of the tip above the mouth of the port, about.
        """
        board = self._estimator.board(self._now_s)
        if isinstance(board, NoEstimate):
            return None
        mouth = board.X_base_board @ self._estimator.place(board, self._target).X_board_entrance
        X = X_base_tcp.copy()
        X[:3, 3] += mouth[:3, 3] - height_m * mouth[:3, 2] - (X_base_tcp @ self._X_tcp_tip)[:3, 3]
        choice = self._estimator.best_view(self._target, X, self._now_s)
        return None if isinstance(choice, NoEstimate) else choice.X_base_tcp

    def estimates(self) -> tuple[PoseEstimate, PoseEstimate]:
        """Return the port in the base and the tip in the tool.

        Raises:
            LostEstimateError: The port was not found (code 411).
        """
        answer = self._estimator.port(self._target, self._now_s)
        if isinstance(answer, NoEstimate):
            raise LostEstimateError(
                f"{self._target} was not found: {answer.message}", quantity="port", value=self._target
            )
        plug = self._estimator.plug(self._now_s)
        if isinstance(plug, PlugState) and plug.is_seen:
            found = {port.estimate.name: port for port in self._estimator.ports(self._now_s, plug)}[self._target]
            if found.covariance_to_tip is not None:
                port = PoseEstimate(self._now_s, found.estimate.X_base_entrance, found.covariance_to_tip)
                return port, PoseEstimate(self._now_s, plug.X_tcp_tip, np.zeros((6, 6)))
        covariance = grasp_covariance(self._X_tcp_tip, TOLERANCE.position_sigma_m, TOLERANCE.rotation_sigma_rad)
        port = PoseEstimate(self._now_s, answer.X_base_entrance, answer.covariance)
        return port, PoseEstimate(self._now_s, self._X_tcp_tip, covariance)
