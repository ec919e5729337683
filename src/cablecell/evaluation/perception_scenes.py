"""Random scenes for judging perception: boards, tolerances, hand-eye errors, light and noise, with the truth kept.

Everything an estimator may know (nominal layout, calibrated mounts and lenses, kinematics) and everything it may not
(where things really are) are separate, and only the cameras connect them. Arm and cameras have the errors that the
simulated cell has by default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cablecell.composition.camera_rig import camera_mounts
from cablecell.composition.robot_description import load_robot_description, load_task_board_description
from cablecell.composition.simulated_cell import load_scene, slot_arguments
from cablecell.configuration import load_connectors, load_fiducials, load_simulation, load_trials
from cablecell.core.config.camera import CameraIntrinsics, ImageErrors, RenderSettings
from cablecell.core.config.estimator import EstimatorSettings
from cablecell.core.config.trial import Trial
from cablecell.core.fusion.board_state import CameraRig
from cablecell.core.geometry import exp_se3, invert_pose, quat_from_rotation
from cablecell.core.motion.model import RobotModel
from cablecell.core.perception.layout import NominalPort, read_layout
from cablecell.core.perception.plug_edges import BodyBox
from cablecell.evaluation.true_arm import TrueArm
from cablecell.ports import Frame, Region
from cablecell.simulation.camera import CameraPose, SimulatedCamera
from cablecell.simulation.camera_errors import CameraAsBuilt, draw_cameras
from cablecell.simulation.camera_scene import build_camera_scene
from cablecell.simulation.lens import Lens
from cablecell.simulation.machine import SimulatedMachine
from cablecell.simulation.rigid import Pose
from cablecell.simulation.scene import Scene
from cablecell.simulation.visual_scene import link_poses, show_state

Matrix = NDArray[np.float64]

CAMERAS = ("left", "center", "right")
_TOOL_ROOT = "wrist_3_link"


@dataclass(frozen=True)
class Variation:
    """How far scenes differ from the sample trials, uniform unless called sigma.

    Attributes:
        board_m: Board position, ± m along x and y.
        board_rad: Board yaw, ± rad.
        module_m: Position of the target module on its rail, ± m about the middle of the rail.
        blur_px: Largest blur, px; the smallest is 0.4.
        noise_levels: Largest noise, grey levels; the smallest is 1.
        exposure: Gain between its inverse and itself.
    """

    board_m: float = 0.03
    board_rad: float = 0.2
    module_m: float = 0.02
    blur_px: float = 1.2
    noise_levels: float = 5.0
    exposure: float = 1.4


class PerceptionScene:
    """One random scene: cameras that can be moved about, and the truth beside them.

    Attributes:
        target: Name of the port that is asked for.
        connector: Family of its connector.
        rig: The cameras as calibrated; really they and their lenses are a little different.
        arm: The arm as built.
        layout: Ports as designed, by name.
        X_base_home: Pose of the tool at the start, as kinematics says.
        X_base_board_expected: Where the board is put in the unvaried trial.
        X_base_board: Truth.
        X_base_entrance: Truth, by port.
        X_tcp_tip_nominal: Where the plug should be in the gripper.
        X_tcp_tip: Truth.
        plug_boxes: The plug by design, along the axes of its tip.
    """

    def __init__(self, index: int, seed: int, settings: EstimatorSettings, variation: Variation | None = None) -> None:
        self._rng = np.random.default_rng([seed, index])
        self._settings = settings
        variation = variation or Variation()
        names = sorted(load_trials().trials)
        template = load_trials().trials[names[index % len(names)]]
        trial = self._vary(template, variation)
        self.target = f"{trial.task.target_module_name}/{trial.task.port_name}"
        fiducials = load_fiducials()
        scene = load_scene(trial, load_connectors())
        simulation = load_simulation()
        scene_seed = int(self._rng.integers(1 << 30))
        machine = SimulatedMachine(scene, simulation, seed=scene_seed)
        machine.connect()
        state, built, q_home = machine.scene_state(), machine.world.scene, machine.arm.read().q
        encoders = machine.world.encoders
        machine.disconnect()
        model = RobotModel(load_robot_description(with_enclosure=False))
        self.arm = TrueArm(model, built, encoders, q_home)
        self._render = build_camera_scene(built, fiducials)
        show_state(self._render, built, state)
        body, X_body_tcp = built.robot.frames["tcp"]
        self._X_world_base = model.X_world_base
        self._X_world_tcp = (link_poses(built.robot, state)[body] @ X_body_tcp).matrix()
        self._tool = self._tool_bodies(scene)
        self.X_base_home = model.fk(q_home)
        mounts = camera_mounts(scene)
        self.rig = CameraRig.calibrated(mounts, settings)
        self.X_tcp_tip = self._tool["plug"]
        self.X_tcp_tip_nominal, self.plug_boxes = self._nominal_plug(scene)
        self.connector = scene.plug.connector.name if scene.plug is not None else ""
        self.layout = read_layout(load_task_board_description(**slot_arguments(trial.scene.task_board)))
        self.X_base_board = invert_pose(self._X_world_base) @ scene.board.matrix()
        expected = load_scene(template, load_connectors()).board.matrix()
        self.X_base_board_expected = invert_pose(self._X_world_base) @ expected
        self.X_base_entrance = self._misplace_modules(scene)
        self._cameras = self._make_cameras(draw_cameras(simulation.cameras, mounts, scene_seed), variation)

    def capture(self, camera: str, region: Region | None = None) -> Frame:
        """Return an image of a camera with the tool where `move` put it."""
        return self._cameras[camera].capture(region)

    def move(self, X_base_tcp: Matrix) -> None:
        """Move the tool with everything on it; it stops where the arm as built does."""
        self._X_world_tcp = self.arm.stand(X_base_tcp)
        self._render.place({name: self._X_world_tcp @ X for name, X in self._tool.items()})

    def _vary(self, template: Trial, variation: Variation) -> Trial:
        rng = self._rng
        board = template.scene.task_board
        pose = board.pose.model_copy(
            update={
                "x": board.pose.x + rng.uniform(-variation.board_m, variation.board_m),
                "y": board.pose.y + rng.uniform(-variation.board_m, variation.board_m),
                "yaw": board.pose.yaw + rng.uniform(-variation.board_rad, variation.board_rad),
            }
        )
        module = template.task.target_module_name
        rail_name = module.replace("nic_card_mount", "nic_rail").replace("sc_port", "sc_rail")
        rail = getattr(board, rail_name)
        translation = rng.uniform(-variation.module_m, variation.module_m)
        entity = rail.entity_pose.model_copy(update={"translation": translation})
        changed = {"pose": pose, rail_name: rail.model_copy(update={"entity_pose": entity})}
        scene = template.scene.model_copy(update={"task_board": board.model_copy(update=changed)})
        return template.model_copy(update={"scene": scene})

    def _tool_bodies(self, scene: Scene) -> dict[str, Matrix]:
        """Return X_tcp_body of everything that moves with the tool."""
        on_tool = {_TOOL_ROOT}
        for joint in scene.robot.joints:
            if joint.parent in on_tool:
                on_tool.add(joint.child)
        X_tcp_world = invert_pose(self._X_world_tcp)
        names = {f"arm/{name}" for name in on_tool} | {"plug"}
        return {
            name: X_tcp_world @ X
            for name, X in self._render.poses().items()
            if name in names or name.startswith("cable/")
        }

    def _nominal_plug(self, scene: Scene) -> tuple[Matrix, tuple[BodyBox, ...]]:
        if scene.plug is None:
            raise ValueError("every trial of this benchmark must start with a plug in the gripper")
        X, parts = self._X_world_tcp, scene.plug.connector.plug.parts
        x, y, z = X[:3, 3].tolist()
        qx, qy, qz, qw = quat_from_rotation(X[:3, :3]).tolist()
        nominal = scene.plug.nominal_grasp(Pose((x, y, z), (qx, qy, qz, qw)))
        return nominal.matrix(), tuple(BodyBox(np.array(part.centre_m), np.array(part.size_m)) for part in parts)

    def _misplace_modules(self, scene: Scene) -> dict[str, Matrix]:
        """Move every module by a draw from the layout tolerance; return where the ports are then."""
        settings, X_world_board = self._settings, scene.board.matrix()
        sigma = np.array([settings.layout_sigma_m] * 3 + [settings.layout_sigma_rad] * 3)
        truth: dict[str, Matrix] = {}
        moved: dict[str, Matrix] = {}
        for module in sorted({name.split("/")[0] for name in self.layout}):
            ports = [port for name, port in self.layout.items() if name.startswith(f"{module}/")]
            pivot = self._pivot(ports)
            slip = pivot @ exp_se3(self._rng.normal(0.0, sigma)) @ invert_pose(pivot)
            for port in ports:
                truth[port.name] = self.X_base_board @ slip @ port.X_board_entrance
            turn = X_world_board @ slip @ invert_pose(X_world_board)
            for name, X in self._render.poses().items():
                if name.startswith((f"static/task_board/{module}/", f"port/{module}/")):
                    moved[name] = turn @ X
        self._render.place(moved)
        return truth

    def _pivot(self, ports: list[NominalPort]) -> Matrix:
        asked = [port for port in ports if port.name == self.target]
        return (asked or ports)[0].X_board_entrance

    def _make_cameras(self, built: Mapping[str, CameraAsBuilt], variation: Variation) -> dict[str, SimulatedCamera]:
        rng = self._rng
        gain = np.log(variation.exposure)
        blur_px, levels = rng.uniform(0.4, variation.blur_px), rng.uniform(1.0, variation.noise_levels)
        exposure = float(np.exp(rng.uniform(-gain, gain)))
        light = rng.normal(0.0, 0.6, 2)
        settings = RenderSettings(
            light_direction=(float(light[0]), float(light[1]), 1.0), ambient=rng.uniform(0.4, 0.7), diffuse=0.3
        )
        cameras = {}
        for name, camera in built.items():
            errors = ImageErrors(
                blur_sigma_px=blur_px,
                full_well_e=(255.0 / levels) ** 2,
                read_noise_e=camera.image.read_noise_e,
                exposure=exposure * camera.image.exposure,
            )
            cameras[name] = SimulatedCamera(
                name,
                f"{name}_camera_optical_frame",
                self._render,
                lambda X=camera.X_tcp_optical: CameraPose(0.0, self._X_world_tcp @ X),  # type: ignore[misc]
                lens=Lens(CameraIntrinsics(), camera.lens),
                errors=errors,
                settings=settings,
                seed=int(rng.integers(1 << 30)),
            )
        return cameras
