"""The simulated cell before a calibration target, in one process: it goes where it is told, and looks.

Arm, lenses, mounts and images have the errors of the simulated cell; every move is planned free of collision. The arm
stands where the built one would come to rest (kinematics as built, encoders, deflection under its weight); how it moves
there in time is not simulated. Truth is kept beside it, for judging only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cablecell.composition.camera_rig import camera_mounts
from cablecell.composition.robot_description import load_robot_description, load_task_board_description
from cablecell.composition.simulated_cell import load_scene, slot_arguments
from cablecell.configuration import config_folder, load_connectors, load_fiducials, load_simulation, load_trials
from cablecell.core.calibration.camera_model import LensModel
from cablecell.core.calibration.equations import Noise
from cablecell.core.calibration.next_views import ExpectedRig
from cablecell.core.calibration.views import CalibrationView
from cablecell.core.config.camera import CameraIntrinsics
from cablecell.core.config.simulation import SimulationSettings
from cablecell.core.errors import WorkcellError
from cablecell.core.geometry import adjoint, exp_se3, invert_pose, log_se3, pose_from_xyz_rpy
from cablecell.core.insertion.grasp import grasp_covariance
from cablecell.core.insertion.observation import PoseEstimate
from cablecell.core.motion.collision import RobotGeometry
from cablecell.core.motion.ik import InverseKinematics
from cablecell.core.motion.model import RobotModel
from cablecell.core.motion.planner import PlannerSettings, RrtConnectPlanner
from cablecell.core.motion.scene import Box, Obstacle
from cablecell.core.perception.detection import Corners, find_corners
from cablecell.core.perception.fiducials import Patch, build_patches
from cablecell.evaluation.believed import believed_scene
from cablecell.evaluation.true_arm import TrueArm
from cablecell.ports import Frame
from cablecell.simulation.camera import CameraPose, SimulatedCamera
from cablecell.simulation.camera_errors import draw_cameras
from cablecell.simulation.camera_scene import build_camera_scene
from cablecell.simulation.fiducials import fiducial_plates
from cablecell.simulation.lens import Lens
from cablecell.simulation.machine import SimulatedMachine
from cablecell.simulation.visual_scene import link_poses, show_state

Matrix = NDArray[np.float64]

CAMERAS = ("left", "center", "right")
MARGIN_M = 0.01
_TOOL_ROOT = "wrist_3_link"
_TARGET_FILE = "calibration_target.yaml"
_X_WORLD_TARGET = (0.22, 0.27, 1.16), (0.0, 0.0, 0.4)
"""Where somebody put the plate, on a stand beside the task board: position, m, and roll, pitch, yaw, rad."""
_APPROACH_M, _CENTRING_M = 0.03, 2e-5
_PLATE_M = (0.26, 0.2, 0.01)
_EXPECTED_NOISE = Noise(0.1, 0.02, np.array([1e-4] * 3 + [2e-4] * 3))


def corners_of(frames: Mapping[str, Frame], patches: Sequence[Patch]) -> dict[str, Corners]:
    """Return the corners of patches in images; images that show too few are absent."""
    found = {name: find_corners(frame, tuple(patches)) for name, frame in frames.items()}
    return {name: corners for name, corners in found.items() if isinstance(corners, Corners)}


@dataclass(frozen=True)
class CalibrationTruth:
    """What really is; only for judging.

    Attributes:
        mounts: X_tcp_optical as built, by camera.
        effective_mounts: The mounts that go best with what the arm reports: what is constant in the tool's frame in
            the error of the arm cannot be told from a mount, and it is these that a calibration must find.
        effective_tip: X_tcp_tip of the held plug, likewise.
        lenses: By camera.
        tool_scatter: Root mean square of what the arm's report is off beyond that, over the workspace: m, rad.
    """

    mounts: Mapping[str, Matrix]
    effective_mounts: Mapping[str, Matrix]
    effective_tip: Matrix
    lenses: Mapping[str, Lens]
    tool_scatter: tuple[float, float]


class CalibrationCell:
    """A cell with a calibration target beside its task board.

    Attributes:
        mounts: X_tcp_optical as described, by camera.
        lenses: Camera models as described, by camera.
        X_base_target: Where the target was put, to a few millimetres.
        patches: The target.
        X_base_board: Where the task board was put.
        X_base_home: Where the tool is at the start.
        X_tcp_tip_nominal: Where the plug is by design.
        X_tcp_tip: Truth.
    """

    def __init__(
        self,
        seed: int,
        *,
        simulation: SimulationSettings | None = None,
        knocked: Mapping[str, Matrix] | None = None,
        trial: str = "trial_1",
    ) -> None:
        """Set up.

        Args:
            seed: Of every error.
            simulation: Errors of arm and cameras; those of the simulated cell by default.
            knocked: Further errors of mounts: a right perturbation of X_tcp_optical, shape (6,), by camera; or one of
                all of them about the tcp under the name `mount`.
            trial: What else is in the cell.
        """
        simulation = simulation or load_simulation()
        described = load_trials().trials[trial]
        scene = load_scene(described, load_connectors())
        machine = SimulatedMachine(scene, simulation, seed=seed)
        machine.connect()
        state, built, q_home = machine.scene_state(), machine.world.scene, machine.arm.read().q
        encoders, X_tcp_tip = machine.world.encoders, machine.world.X_tcp_tip_nominal
        self.X_tcp_tip_nominal, self.X_tcp_tip = X_tcp_tip.matrix(), machine.truth.tip_in_tcp().matrix()
        machine.disconnect()
        self._model = RobotModel(load_robot_description())
        self._q = np.array(q_home)
        self._arm = TrueArm(RobotModel(load_robot_description(with_enclosure=False)), built, encoders, q_home)
        self._kinematics = InverseKinematics(self._model)
        self.X_base_home = self._model.fk(q_home)
        self._render = build_camera_scene(built, load_fiducials())
        target_set = load_fiducials(config_folder() / "perception" / _TARGET_FILE)
        self.patches: tuple[Patch, ...] = build_patches(target_set)
        rng = np.random.default_rng([seed, 77])
        X_world_target = pose_from_xyz_rpy(*_X_WORLD_TARGET)
        slip = exp_se3(rng.normal(size=6) * ([2e-3] * 3 + [0.01] * 3))
        self._render.add_body("calibration_target", fiducial_plates(target_set), X_world_target @ slip)
        show_state(self._render, built, state)
        body, X_body_tcp = built.robot.frames["tcp"]
        self._X_world_tcp = (link_poses(built.robot, state)[body] @ X_body_tcp).matrix()
        self._tool = self._tool_bodies(scene.robot.joints)
        X_base_world = invert_pose(self._model.X_world_base)
        self.X_base_target = X_base_world @ X_world_target
        self._X_world_board = scene.board.matrix()
        self.X_base_board = X_base_world @ self._X_world_board
        self.mounts = camera_mounts(scene)
        self.lenses = {name: LensModel.of(CameraIntrinsics()) for name in CAMERAS}
        self._built_mounts: dict[str, Matrix] = {}
        self._make_cameras(simulation, seed, knocked or {})
        tip = PoseEstimate(0.0, X_tcp_tip.matrix(), grasp_covariance(X_tcp_tip.matrix(), 1e-3, 1e-2))
        assert scene.plug is not None
        self.connector = scene.plug.connector.name
        board = load_task_board_description(**slot_arguments(described.scene.task_board))
        believed = believed_scene(board, X_base_world @ scene.board.matrix(), scene.plug.connector, tip, tip, None)
        plate = Obstacle(
            "calibration_plate", Box(_PLATE_M), self.X_base_target @ pose_from_xyz_rpy((0, 0, -0.006), (0, 0, 0))
        )
        self._believed = believed.with_obstacles([plate])
        self._planner = RrtConnectPlanner(RobotGeometry(self._model), PlannerSettings(backend="compiled"))

    def expected(self) -> ExpectedRig:
        """Return what is believed before the calibration."""
        return ExpectedRig(self.X_base_target, self.patches[0].corners, self.mounts, self.lenses, _EXPECTED_NOISE)

    def reachable(self, X_base_tcp: Matrix) -> bool:
        """Return whether the tool can be at a pose without touching anything."""
        return bool(self._free_goals(X_base_tcp))

    def look(self, X_base_tcp: Matrix) -> CalibrationView:
        """Go to a pose along a planned path, stand still, and look.

        Raises:
            WorkcellError: There is no free path (families 100 and 200).
        """
        frames = self.frames(X_base_tcp)
        return CalibrationView(X_base_tcp, corners_of(frames, self.patches))

    def frames(self, X_base_tcp: Matrix) -> dict[str, Frame]:
        """Go to a pose along a planned path, stand still, and return the images of all cameras.

        Raises:
            WorkcellError: There is no free path (families 100 and 200).
        """
        goals = self._kinematics.solve_all(X_base_tcp, self._q)
        path = self._planner.plan(self._q, goals, self._believed, MARGIN_M)
        self._q = path.goal
        self._X_world_tcp = self._arm.stand(X_base_tcp)
        self._render.place({name: self._X_world_tcp @ X for name, X in self._tool.items()})
        return {name: camera.capture() for name, camera in self._cameras.items()}

    def board_for_arm(self, X_base_tcp: Matrix) -> Matrix:
        """Return the true board as the arm finds it when it is at a pose: where it has to be sent to meet it."""
        X_base_world = invert_pose(self._model.X_world_base)
        return self._arm.in_arm_coordinates(X_base_world @ self._X_world_board, X_base_tcp)

    def bump_board(self, step: Matrix) -> None:
        """Move the task board with all that is on it; the planner does not know.

        Args:
            step: Right perturbation of its pose, shape (6,), m and rad.
        """
        X = self._X_world_board
        turn = X @ exp_se3(step) @ invert_pose(X)
        moved = {
            name: turn @ pose
            for name, pose in self._render.poses().items()
            if name.startswith(("static/task_board", "port/", "fiducials"))
        }
        self._render.place(moved)
        self._X_world_board = turn @ X

    def knock(self, camera: str, step: Matrix) -> None:
        """Move a camera against the tool, or all of them about the tcp under the name `mount`.

        Args:
            camera: Name of the camera.
            step: Perturbation of X_tcp_optical from the right, or of all from the left, shape (6,), m and rad.
        """
        if camera == "mount":
            self._built_mounts = {name: exp_se3(step) @ X for name, X in self._built_mounts.items()}
        else:
            self._built_mounts[camera] = self._built_mounts[camera] @ exp_se3(step)

    def touch(self, X_base_tcp: Matrix, p_base_point: Matrix, rng: np.random.Generator) -> Matrix:
        """Bring the tip of the plug onto a fixed point and return the pose that the arm reports there.

        Stands for a guarded move into a cone: the tip ends on the point up to what centring leaves, and the arm, with
        all its errors, is where it must be for that. Forces and friction of the touch are not simulated.

        Args:
            X_base_tcp: Orientation to touch with, shape (4, 4); the place is free.
            p_base_point: The point, shape (3,), m.
            rng: Source of what centring leaves.

        Raises:
            WorkcellError: The arm cannot get there (families 100 and 200).
        """
        X = np.array(X_base_tcp)
        X[:3, 3] = p_base_point - X[:3, :3] @ self.X_tcp_tip_nominal[:3, 3]
        approach = X.copy()
        approach[:3, 3] -= _APPROACH_M * X[:3, 2]
        self._q = self._planner.plan(self._q, self._kinematics.solve_all(approach, self._q), self._believed, 0.0).goal
        end = p_base_point + rng.normal(size=3) * _CENTRING_M
        X_base_world = invert_pose(self._model.X_world_base)
        for _ in range(3):
            tip = X_base_world @ self._arm.stand(X) @ self.X_tcp_tip
            X[:3, 3] += end - tip[:3, 3]
        return X

    def truth(self, poses: Sequence[Matrix]) -> CalibrationTruth:
        """Return what really is.

        Args:
            poses: X_base_tcp all over where the cell works, about which the arm's error is averaged.
        """
        X_base_world = invert_pose(self._model.X_world_base)
        pairs = [(X, X_base_world @ self._arm.stand(X)) for X in poses]
        base, tool = np.eye(4), np.eye(4)
        # reported = base @ true @ tool: Gauss-Newton on both, by left and right steps.
        for _ in range(10):
            rows, right = [], []
            for X, X_true in pairs:
                error = log_se3(invert_pose(base @ X_true @ tool) @ X)
                rows.append(np.hstack([adjoint(invert_pose(X_true @ tool)), np.eye(6)]))
                right.append(error)
            step = np.linalg.lstsq(np.vstack(rows), np.concatenate(right), rcond=None)[0]
            base, tool = base @ exp_se3(step[:6]), tool @ exp_se3(step[6:])
        rest = np.array([log_se3(invert_pose(base @ X_true @ tool) @ X) for X, X_true in pairs])
        effective = {name: invert_pose(tool) @ X for name, X in self._built_mounts.items()}
        scatter = float(np.sqrt((rest[:, :3] ** 2).mean())), float(np.sqrt((rest[:, 3:] ** 2).mean()))
        effective_tip = invert_pose(tool) @ self.X_tcp_tip
        return CalibrationTruth(self._built_mounts, effective, effective_tip, self._built_lenses, scatter)

    def _free_goals(self, X_base_tcp: Matrix) -> list[Matrix]:
        try:
            goals = self._kinematics.solve_all(X_base_tcp, self._q)
        except WorkcellError:
            return []
        checker = self._planner.compiled(self._believed, MARGIN_M)
        return [q for q in goals if checker.is_free(q)]

    def _tool_bodies(self, joints: Sequence[object]) -> dict[str, Matrix]:
        on_tool = {_TOOL_ROOT}
        for joint in joints:
            if joint.parent in on_tool:  # type: ignore[attr-defined]
                on_tool.add(joint.child)  # type: ignore[attr-defined]
        names = {f"arm/{name}" for name in on_tool} | {"plug"}
        X_tcp_world = invert_pose(self._X_world_tcp)
        return {
            name: X_tcp_world @ X
            for name, X in self._render.poses().items()
            if name in names or name.startswith("cable/")
        }

    def _make_cameras(self, simulation: SimulationSettings, seed: int, knocked: Mapping[str, Matrix]) -> None:
        built = draw_cameras(simulation.cameras, self.mounts, seed)
        still = np.zeros(6)
        common = exp_se3(knocked.get("mount", still))
        self._built_mounts = {
            name: common @ camera.X_tcp_optical @ exp_se3(knocked.get(name, still)) for name, camera in built.items()
        }
        self._built_lenses = {name: Lens(CameraIntrinsics(), camera.lens) for name, camera in built.items()}
        self._cameras = {
            name: SimulatedCamera(
                name,
                f"{name}_camera_optical_frame",
                self._render,
                lambda name=name: CameraPose(0.0, self._X_world_tcp @ self._built_mounts[name]),  # type: ignore[misc]
                lens=self._built_lenses[name],
                errors=camera.image,
                seed=seed,
            )
            for name, camera in built.items()
        }
