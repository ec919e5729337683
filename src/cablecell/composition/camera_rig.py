"""The wrist cameras of the simulated cell: rendered from the trial's name and the states a simulation publishes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cablecell.composition.machines import TrialSource, UnknownTrialError
from cablecell.composition.simulated_cell import load_scene
from cablecell.configuration import load_connectors, load_fiducials, load_simulation, load_trials
from cablecell.core.config.camera import CameraIntrinsics, ImageErrors, RenderSettings
from cablecell.ports import Frame, Region
from cablecell.simulation.camera import CameraPose, SimulatedCamera
from cablecell.simulation.camera_scene import build_camera_scene
from cablecell.simulation.kinematic_errors import as_built
from cablecell.simulation.render_scene import RenderScene
from cablecell.simulation.scene import Scene
from cablecell.simulation.scene_state import SceneState
from cablecell.simulation.visual_scene import link_poses, show_state

Array = NDArray[np.float64]

SIDES = ("left", "center", "right")


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


class CameraRig:
    """The three cameras; nothing can be seen before a trial is shown and a state is known.

    Attributes:
        intrinsics: Camera model of all of them.
    """

    def __init__(self, intrinsics: CameraIntrinsics, errors: ImageErrors, settings: RenderSettings) -> None:
        self.intrinsics = intrinsics
        self._errors, self._settings = errors, settings
        self._fiducials = load_fiducials()
        self._scene: Scene | None = None
        self._render: RenderScene | None = None
        self._cameras: dict[str, SimulatedCamera] = {}
        self._state: SceneState | None = None
        self._shown: SceneState | None = None
        self._poses: dict[str, Array] = {}

    @property
    def is_ready(self) -> bool:
        """Whether an image can be taken."""
        return self._scene is not None and self._state is not None

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
        described = load_scene(trials[source.trial], load_connectors())
        self._scene = as_built(described, load_simulation().kinematics, source.seed)
        self._render = build_camera_scene(self._scene, self._fiducials)
        self._cameras = {
            side: SimulatedCamera(
                side,
                f"{side}_camera_optical_frame",
                self._render,
                lambda side=side: self._pose(side),  # type: ignore[misc]
                intrinsics=self.intrinsics,
                errors=self._errors,
                settings=self._settings,
                seed=source.seed,
            )
            for side in SIDES
        }

    def set_state(self, values: Sequence[float]) -> None:
        """Take notice of where everything is; costs nothing until an image is taken.

        Raises:
            ValueError: The list is not a scene state.
        """
        self._state = SceneState.from_list(list(values))

    def capture(self, side: str, region: Region | None = None) -> Frame:
        """Return an image of a camera, or the part of it that is asked for, at the newest state.

        Raises:
            RegionError: The region is empty or leaves the image (code 821).
        """
        assert self._scene is not None
        assert self._render is not None
        assert self._state is not None
        if self._shown is not self._state:
            show_state(self._render, self._scene, self._state)
            robot = self._scene.robot
            links = link_poses(robot, self._state)
            for name in SIDES:
                body, X_body_optical = robot.frames[f"{name}_camera_optical_frame"]
                self._poses[name] = (links[body] @ X_body_optical).matrix()
            self._shown = self._state
        return self._cameras[side].capture(region)

    def _pose(self, side: str) -> CameraPose:
        assert self._shown is not None
        return CameraPose(self._shown.stamp_s, self._poses[side])
