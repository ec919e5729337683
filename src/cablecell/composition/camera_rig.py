"""The wrist cameras of the simulated cell: rendered from the trial's name and the states a simulation publishes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cablecell.composition.machines import TrialSource, UnknownTrialError
from cablecell.composition.simulated_cell import load_scene
from cablecell.configuration import load_connectors, load_fiducials, load_trials
from cablecell.core.config.camera import CameraIntrinsics, ImageErrors, RenderSettings
from cablecell.core.config.simulation import SimulationSettings
from cablecell.core.config.trial import JOINT_NAMES
from cablecell.core.geometry import exp_se3, invert_pose
from cablecell.ports import Frame, Region
from cablecell.simulation.camera import CameraPose, SimulatedCamera
from cablecell.simulation.camera_errors import draw_cameras
from cablecell.simulation.camera_scene import build_camera_scene
from cablecell.simulation.kinematic_errors import as_built
from cablecell.simulation.lens import Lens
from cablecell.simulation.render_scene import Box, RenderScene, TexturedPlate
from cablecell.simulation.rigid import Pose
from cablecell.simulation.scene import Scene
from cablecell.simulation.scene_state import SceneState
from cablecell.simulation.visual_scene import link_poses, show_state

Array = NDArray[np.float64]

SIDES = ("left", "center", "right")
_NOISE_STRIDE = 1 << 32

_ON_BOARD = ("static/task_board", "port/", "fiducials")

PREVIEW = (640, 480)
"""Width and height of a preview, pixels."""


def scaled_intrinsics(scale: float) -> CameraIntrinsics:
    """Return the camera model of an image whose size is `scale` times that of the real cameras.

    Pixel centres are at integers, so the principal point keeps its half pixel.
    """
    full = CameraIntrinsics()
    return CameraIntrinsics(
        width=round(full.width * scale),
        height=round(full.height * scale),
        fx=full.fx * scale,
        fy=full.fy * scale,
        cx=(full.cx + 0.5) * scale - 0.5,
        cy=(full.cy + 0.5) * scale - 0.5,
    )


def preview_intrinsics() -> CameraIntrinsics:
    """Return the camera model of a preview: the whole width of the image, and as much of its height as fits."""
    width, height = PREVIEW
    wide = scaled_intrinsics(width / CameraIntrinsics().width)
    return wide.model_copy(update={"width": width, "height": height, "cy": wide.cy - 0.5 * (wide.height - height)})


class CameraRig:
    """The three cameras; nothing can be seen before a trial is shown and a state is known.

    Attributes:
        intrinsics: Camera model of all of them, as calibrated.
        preview: Camera model of previews.
    """

    def __init__(
        self, intrinsics: CameraIntrinsics, simulation: SimulationSettings, settings: RenderSettings | None = None
    ) -> None:
        """Make cameras that see nothing yet.

        Args:
            intrinsics: Camera model as calibrated.
            simulation: Errors of cameras and arm; those of the process that runs the physics.
            settings: Rendering; one sample per pixel by default.
        """
        self.intrinsics, self.preview = intrinsics, preview_intrinsics()
        self._simulation, self._settings = simulation, settings or RenderSettings()
        self._fiducials = load_fiducials()
        self._scene: Scene | None = None
        self._render: RenderScene | None = None
        self._cameras: dict[str, SimulatedCamera] = {}
        self._previews: dict[str, SimulatedCamera] = {}
        self._mounts: dict[str, Array] = {}
        self._shows = 0
        self._state: SceneState | None = None
        self._shown: SceneState | None = None
        self._X_world_tcp: Array = np.eye(4)

    @property
    def is_ready(self) -> bool:
        """Whether an image can be taken."""
        return self._scene is not None and self._state is not None

    @property
    def stamp_s(self) -> float:
        """Time of the newest state, s."""
        return -1.0 if self._state is None else self._state.stamp_s

    def close(self) -> None:
        """Forget trial and state."""
        self._render, self._scene, self._state = None, None, None

    def show_trial(self, source: TrialSource) -> None:
        """Build the scene of a trial; the state must be given anew.

        Raises:
            WorkcellError: The trial does not exist or has a mistake (family 900); nothing can be seen then.
        """
        self.close()
        path = Path(source.trials_file)
        trials = load_trials(path).trials
        if source.trial not in trials:
            valid = ", ".join(trials)
            raise UnknownTrialError(
                f"{path.name} has no trial '{source.trial}'; valid are {valid}",
                quantity="trial",
                value=source.trial,
                limit=valid,
            )
        self.show_scene(load_scene(trials[source.trial], load_connectors()), source.seed)

    def show_scene(self, described: Scene, seed: int) -> None:
        """Show a scene; the state must be given anew.

        Args:
            described: The scene with the arm as described.
            seed: Of the trial; decides how arm and cameras differ from their descriptions.
        """
        self.close()
        self._shows += 1
        self._scene = as_built(described, self._simulation.kinematics, seed)
        self._render = build_camera_scene(self._scene, self._fiducials)
        mounts = camera_mounts(described)
        self._cameras = self._make(self.intrinsics, mounts, seed, "")
        self._previews = self._make(self.preview, mounts, seed, "/preview")

    def set_state(self, values: Sequence[float]) -> None:
        """Take notice of where everything is; costs nothing until an image is taken.

        Raises:
            ValueError: The list is not a scene state.
        """
        self._state = SceneState.from_list(list(values))

    def cable(self) -> tuple[Array, float]:
        """Return the centre line of the plug's cable, in `world`, shape (n, 3), m, n may be 0, and its diameter, m."""
        if self._state is None or self._scene is None or self._scene.plug is None:
            return np.zeros((0, 3)), 0.0
        return np.array(self._state.cable).reshape(-1, 3), self._scene.plug.connector.cable.diameter_m

    def bump_board(self, step: Array) -> None:
        """Move the task board with all that is on it, in the images; in the physics the machine does so.

        Args:
            step: Right perturbation of its pose, shape (6,), m and rad.
        """
        assert self._scene is not None
        assert self._render is not None
        X = self._scene.board.matrix()
        turn = X @ exp_se3(step) @ invert_pose(X)
        poses = self._render.poses().items()
        self._render.place({name: turn @ pose for name, pose in poses if name.startswith(_ON_BOARD)})

    def capture(self, side: str, region: Region | None = None) -> Frame:
        """Return an image of a camera, or the part of it that is asked for, at the newest state.

        Raises:
            RegionError: The region is empty or leaves the image (code 821).
        """
        self._show_newest()
        return self._cameras[side].capture(region)

    def capture_preview(self, side: str) -> Frame:
        """Return a small image of a camera at the newest state."""
        self._show_newest()
        return self._previews[side].capture()

    def _make(
        self, intrinsics: CameraIntrinsics, mounts: Mapping[str, Array], seed: int, suffix: str
    ) -> dict[str, SimulatedCamera]:
        assert self._render is not None
        scale = intrinsics.fx / CameraIntrinsics().fx
        built = draw_cameras(self._simulation.cameras, mounts, seed, scale=scale)
        self._mounts = {side: camera.X_tcp_optical for side, camera in built.items()}
        return {
            side: SimulatedCamera(
                f"{side}{suffix}",
                f"{side}_camera_optical_frame",
                self._render,
                lambda side=side: self._pose(side),  # type: ignore[misc]
                lens=Lens(intrinsics, camera.lens),
                errors=camera.image,
                settings=self._settings,
                # Shown again, a scene has the same errors but not the same noise: no camera repeats that.
                seed=seed + _NOISE_STRIDE * (self._shows - 1),
            )
            for side, camera in built.items()
        }

    def _show_newest(self) -> None:
        assert self._scene is not None
        assert self._render is not None
        assert self._state is not None
        if self._shown is not self._state:
            show_state(self._render, self._scene, self._state)
            robot = self._scene.robot
            body, X_body_tcp = robot.frames["tcp"]
            self._X_world_tcp = (link_poses(robot, self._state)[body] @ X_body_tcp).matrix()
            self._shown = self._state

    def _pose(self, side: str) -> CameraPose:
        assert self._shown is not None
        return CameraPose(self._shown.stamp_s, self._X_world_tcp @ self._mounts[side])


def camera_mounts(described: Scene) -> dict[str, Array]:
    """Return X_tcp_optical of the cameras as the description of the arm has them, by side, shape (4, 4)."""
    # No joint that moves lies between cameras and tcp, so any state shows it.
    robot = described.robot
    links = link_poses(robot, SceneState(0.0, (0.0,) * len(JOINT_NAMES), 0.0, None, ()))

    def pose(frame: str) -> Pose:
        body, X = robot.frames[frame]
        return links[body] @ X

    return {side: (pose("tcp").inverse() @ pose(f"{side}_camera_optical_frame")).matrix() for side in SIDES}


def warm_up() -> None:
    """Compile what renders images, or load it; the first image would wait for it otherwise."""
    render = RenderScene()
    render.add_body("box", [Box((0.1, 0.1, 0.1)), TexturedPlate((0.1, 0.1), np.zeros((4, 4), dtype=np.uint8))])
    X = np.eye(4)
    X[2, 3] = -0.3
    small = CameraIntrinsics(width=16, height=16, fx=16.0, fy=16.0, cx=7.5, cy=7.5)
    SimulatedCamera("left", "", render, lambda: CameraPose(0.0, X), lens=Lens(small), errors=ImageErrors()).capture()
