"""The rollout that sees: port and plug are found by the wrist cameras and the estimator of the running cell."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from cablecell.composition.board_modules import design_board, design_bodies
from cablecell.composition.planning_board import PlanningBoard, SeenBoard
from cablecell.composition.simulated_cell import load_scene
from cablecell.core.config.scenario import Scenario, Seeing
from cablecell.core.config.trial import Pose
from cablecell.core.errors import WorkcellError
from cablecell.core.geometry import invert_pose, pose_from_xyz_rpy
from cablecell.core.insertion.grasp import GraspTolerance, grasp_covariance
from cablecell.core.insertion.observation import PoseEstimate
from cablecell.core.motion.errors import GoalInCollisionError
from cablecell.core.motion.scene import Scene as PlanningScene
from cablecell.core.motion.trajectory import Trajectory
from cablecell.evaluation.believed import pose_matrix, with_held_plug
from cablecell.evaluation.draw import Draw, draw_run
from cablecell.evaluation.eyes import Eyes
from cablecell.evaluation.rollout import Rollout, robot_model
from cablecell.evaluation.rollout_result import RolloutResult

Matrix = NDArray[np.float64]

_UNSEEN_MARGIN_M = 0.02
_TOLERANCE = GraspTolerance()


class SeeingRollout(Rollout):
    """A rollout in which nothing of the truth reaches skill and planner but through images and the force sensor."""

    def __init__(self, scenario: Scenario, seeing: Seeing, draw: Draw) -> None:
        """Set up one run of a scenario.

        Args:
            scenario: The scenario; where its trial puts the board is where somebody has put it, to some centimetres.
            seeing: How it is looked.
            draw: What was drawn.
        """
        super().__init__(
            draw.trial,
            scenario.connectors,
            seed=draw.seed,
            simulation=draw.simulation,
            control=scenario.control,
            insertion=scenario.insertion,
            home=scenario.home,
            strategy=scenario.strategy,
        )
        self._seeing = seeing
        X_base_put = invert_pose(robot_model().X_world_base) @ _matrix(scenario.trial.scene.task_board.pose)
        X_tcp_tip = pose_matrix(self.machine.world.X_tcp_tip_nominal)  # the design of the grasp, from the trial
        self._eyes = Eyes(
            self.machine,
            load_scene(draw.trial, scenario.connectors),
            draw.trial,
            scenario.connectors,
            draw.simulation,
            X_base_board_put=X_base_put,
            X_tcp_tip_designed=X_tcp_tip,
            seed=draw.seed,
        )
        board, limits = draw.trial.scene.task_board, draw.trial.task_board_limits
        ports = design_board(board, limits, scenario.connectors).ports
        self._planning_board = PlanningBoard(design_bodies(board, limits), ports, X_base_put, _UNSEEN_MARGIN_M)
        X_board_entrance = ports[self.machine.world.scene.target].X_board_entrance
        self._port = PoseEstimate(0.0, X_base_put @ X_board_entrance, np.diag([0.05**2] * 3 + [0.3**2] * 3))
        covariance = grasp_covariance(X_tcp_tip, _TOLERANCE.position_sigma_m, _TOLERANCE.rotation_sigma_rad)
        self._tip = PoseEstimate(0.0, X_tcp_tip, covariance)

    @classmethod
    def of_scenario(cls, scenario: Scenario, seed: int) -> Self:
        """Return the run of one seed of a scenario, ready to run."""
        return cls(scenario, scenario.seeing or Seeing(), draw_run(scenario, seed))

    def run(self, watch: Callable[[Rollout], None] | None = None) -> RolloutResult:
        """Look, move to staging, insert, and compare with the truth.

        Args:
            watch: Called after every period once it was looked; None for nobody.

        Raises:
            LostEstimateError: The port was not found (code 411).
            WorkcellError: Staging cannot be reached, or the arm did not follow its trajectory.
        """
        self._look_around()
        return super().run(watch)

    def believed_scene(self) -> PlanningScene:
        """Return the board as far as it was seen, and the plug as it is believed to be held."""
        X_base_board = self._eyes.board()
        seen = SeenBoard() if X_base_board is None else self._planning_board.seen(X_base_board, self._eyes.entrances())
        return with_held_plug(self._planning_board.obstacles(seen), self._target.connector, self._tip)

    def _others(self) -> tuple[dict[str, object], dict[str, object]]:
        """Leave the eyes out of what is saved: a run looks before its first step, and then they do not change."""
        anchors, shared = super()._others()
        return anchors, {**shared, "eyes": self._eyes, "planning_board": self._planning_board}

    def _look_around(self) -> None:
        self._look()
        for _ in range(self._seeing.views - 1):
            goal = self._eyes.best_view(self._tool(), self._seeing.height_m)
            if goal is None or not self._goes_to(goal):
                break
            self._look()
        self._port, self._tip = self._eyes.estimates(_TOLERANCE)
        self._X_port_base = invert_pose(self._port.X)
        # Where the arm finds the port: its own lasting error moves what it sees as it moves what it does.
        X_tcp_port = invert_pose(pose_matrix(self.machine.world.tcp())) @ pose_matrix(self._target.X_WE)
        self.port_error_m = (invert_pose(self._tool() @ X_tcp_port) @ self._port.X)[:3, 3]

    def _look(self) -> None:
        end_s = self.machine.clock.now_s() + self._seeing.rest_s
        while self.machine.clock.now_s() < end_s:
            self._cycle()
        self._eyes.look(self._tool())

    def _goes_to(self, goal: Matrix) -> bool:
        """Move to a view; return whether there was a way."""
        try:
            self._start(self._plan_to(goal))
        except WorkcellError:
            return False
        while not self._has_arrived():
            pass
        return True

    def _plan_staging(self) -> Trajectory:
        """Plan the way to staging; what was not looked for and is in the way is looked for first."""
        try:
            return super()._plan_staging()
        except GoalInCollisionError:
            self._eyes.look_for_everything()
            self._look()
            return super()._plan_staging()

    def _tool(self) -> Matrix:
        return np.asarray(self._arm.dynamics(self.machine.arm.read().q).X_base_tcp)


def _matrix(pose: Pose) -> Matrix:
    return np.asarray(pose_from_xyz_rpy((pose.x, pose.y, pose.z), (pose.roll, pose.pitch, pose.yaw)))
