"""Random scenes for judging perception: boards, tolerances, hand-eye errors, light and noise, with the truth kept.

Everything an estimator may know (nominal layout, calibrated mounts and lenses, kinematics) and everything it may not
(where things really are) are separate, and only the cameras connect them. Arm and cameras have the errors that the
simulated cell has by default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cablecell.composition.board_modules import TURN_RAD, design_board
from cablecell.composition.camera_rig import camera_mounts
from cablecell.composition.robot_description import load_robot_description
from cablecell.composition.scenario_files import BOARD_CONNECTORS, load_scenario
from cablecell.composition.simulated_cell import load_scene
from cablecell.configuration import config_folder, load_connectors, load_fiducials, load_simulation
from cablecell.core.config.camera import CameraIntrinsics, ImageErrors, RenderSettings
from cablecell.core.config.connector import Connector
from cablecell.core.config.estimator import EstimatorSettings
from cablecell.core.config.scenario import BenchFixture
from cablecell.core.config.trial import NIC_RAILS, SC_RAILS, Trial
from cablecell.core.fusion.board_state import CameraRig
from cablecell.core.geometry import exp_se3, invert_pose, pose_from_xyz_rpy, quat_from_rotation
from cablecell.core.motion.model import RobotModel
from cablecell.core.perception.boxes import Boxes
from cablecell.core.perception.layout import NominalPort
from cablecell.core.perception.modules import Freedom, ModuleDesign, design_module
from cablecell.core.perception.plug_body import PlugBody, plug_body
from cablecell.evaluation.draw import draw_run
from cablecell.evaluation.true_arm import TrueArm
from cablecell.ports import Frame, Region
from cablecell.simulation.camera import CameraPose, SimulatedCamera
from cablecell.simulation.camera_errors import CameraAsBuilt, draw_cameras
from cablecell.simulation.camera_scene import build_camera_scene
from cablecell.simulation.description import Shape
from cablecell.simulation.fixture import ROUND, block_shapes
from cablecell.simulation.lens import Lens
from cablecell.simulation.machine import SimulatedMachine
from cablecell.simulation.render_scene import Box, TexturedPlate
from cablecell.simulation.rigid import Pose
from cablecell.simulation.scene import Scene
from cablecell.simulation.visual_scene import link_poses, show_state

Matrix = NDArray[np.float64]

CAMERAS = ("left", "center", "right")
_TOOL_ROOT = "wrist_3_link"


FAMILIES = ("sfp", "sc", "rj45", "usb_c", "lc", "jst_ph_4", "peg_rect", "peg_round", "u_fl")
"""Families of ports; the first two have places of their own on the board, the last two are round."""

FIXTURE_PORT = "fixture/port"
_FIXTURE_SLIDE_M = 0.03
_PORT_TOLERANCE = (2.0e-4, 2.0e-3)
"""How far a module's pose differs from what its rail allows, one standard deviation, m and rad."""


@dataclass(frozen=True)
class Variation:
    """How far scenes differ from the sample trials, uniform unless called sigma.

    Attributes:
        board_m: Board position, ± m along x and y.
        board_rad: Board yaw, ± rad.
        blur_px: Largest blur, px; the smallest is 0.4.
        noise_levels: Largest noise, grey levels; the smallest is 1.
        exposure: Gain between its inverse and itself.
        colour: Factor of every colour between its inverse and itself.
        stickers: Most printed labels on the board.
        hand_eye_m: Error of the cameras' common mount, root mean square of its length, m.
        hand_eye_rad: Likewise of its turn, rad.
    """

    board_m: float = 0.03
    board_rad: float = 0.2
    blur_px: float = 1.2
    noise_levels: float = 5.0
    exposure: float = 1.4
    colour: float = 1.25
    stickers: int = 5
    hand_eye_m: float = 5.0e-4
    hand_eye_rad: float = 3.5e-3


def known_errors(variation: Variation | None = None) -> EstimatorSettings:
    """Return the estimator's settings for a cell whose hand-eye calibration is as bad as that of the scenes."""
    variation = variation or Variation()
    axis = float(np.sqrt(1.0 / 3.0))
    return EstimatorSettings(
        mount_common_sigma_m=axis * variation.hand_eye_m, mount_common_sigma_rad=axis * variation.hand_eye_rad
    )


class PerceptionScene:
    """One random scene: cameras that can be moved about, and the truth beside them.

    Attributes:
        target: Name of the port that is asked for.
        connector: Family of its connector.
        is_covered: Whether something lies on that port.
        rig: The cameras as calibrated; really they and their lenses are a little different.
        arm: The arm as built.
        layout: Ports as designed, every module in the middle of its rail, by name.
        modules: Modules as designed, by name.
        X_base_home: Pose of the tool at the start, as kinematics says.
        X_base_board_expected: Where the board is put in the unvaried trial.
        X_base_board: Truth.
        X_base_entrance: Truth, by port.
        X_tcp_tip_nominal: Where the plug should be in the gripper.
        X_tcp_tip: Truth.
        plug_body: The plug by design, along the axes of its tip.
    """

    def __init__(
        self,
        index: int,
        seed: int,
        settings: EstimatorSettings,
        variation: Variation | None = None,
        *,
        is_covered: bool = False,
    ) -> None:
        self._rng = np.random.default_rng([seed, index])
        variation = variation or Variation()
        self.connector, self.is_covered = FAMILIES[index % len(FAMILIES)], is_covered
        connectors = load_connectors()
        trial, fixture, template = self._draw(connectors, variation)
        scene = load_scene(trial, connectors, fixture)
        self.target = scene.target
        fiducials = load_fiducials()
        simulation = load_simulation()
        scene_seed = int(self._rng.integers(1 << 30))
        machine = SimulatedMachine(scene, simulation, seed=scene_seed)
        machine.connect()
        state, built, q_home = machine.scene_state(), machine.world.scene, machine.arm.read().q
        encoders = machine.world.encoders
        machine.disconnect()
        model = RobotModel(load_robot_description(with_enclosure=False))
        self.arm = TrueArm(model, built, encoders, q_home)
        self._render = build_camera_scene(self._repainted(built, variation), fiducials)
        show_state(self._render, built, state)
        body, X_body_tcp = built.robot.frames["tcp"]
        self._X_world_base = model.X_world_base
        self._X_world_tcp = (link_poses(built.robot, state)[body] @ X_body_tcp).matrix()
        self._tool = self._tool_bodies(scene)
        self.X_base_home = model.fk(q_home)
        mounts = camera_mounts(scene)
        self.rig = CameraRig.calibrated(mounts, settings)
        self.X_tcp_tip = self._tool["plug"]
        self.X_tcp_tip_nominal, self.plug_body = self._nominal_plug(scene)
        self.layout, self.modules = self._design(trial, connectors, fixture)
        self.X_base_board = invert_pose(self._X_world_base) @ scene.board.matrix()
        expected = load_scene(template, connectors).board.matrix()
        self.X_base_board_expected = invert_pose(self._X_world_base) @ expected
        self.X_base_entrance = self._misplace_modules(scene)
        self._clutter(scene, variation)
        axis = float(np.sqrt(1.0 / 3.0))
        errors = simulation.cameras.model_copy(
            update={
                "hand_eye_common_m": axis * variation.hand_eye_m,
                "hand_eye_common_rad": axis * variation.hand_eye_rad,
            }
        )
        self._cameras = self._make_cameras(draw_cameras(errors, mounts, scene_seed), variation)

    def capture(self, camera: str, region: Region | None = None) -> Frame:
        """Return an image of a camera with the tool where `move` put it."""
        return self._cameras[camera].capture(region)

    def move(self, X_base_tcp: Matrix) -> None:
        """Move the tool with everything on it; it stops where the arm as built does."""
        self._X_world_tcp = self.arm.stand(X_base_tcp)
        self._render.place({name: self._X_world_tcp @ X for name, X in self._tool.items()})

    def _draw(
        self, connectors: Mapping[str, Connector], variation: Variation
    ) -> tuple[Trial, BenchFixture | None, Trial]:
        """Return the trial and the fixture of this scene, and the trial that nothing was varied of."""
        rng = self._rng
        on_board = self.connector in BOARD_CONNECTORS
        name = f"anywhere_{self.connector}" if on_board else "fixture"
        connector = None if on_board else config_folder() / "connectors" / f"{self.connector}.yaml"
        scenario = load_scenario(config_folder() / "scenarios" / f"{name}.yaml", connector)
        drawn = draw_run(scenario, int(rng.integers(1 << 30)))
        board, limits = drawn.trial.scene.task_board, drawn.trial.task_board_limits
        pose = scenario.trial.scene.task_board.pose
        changed: dict[str, object] = {
            "pose": pose.model_copy(
                update={
                    "x": pose.x + rng.uniform(-variation.board_m, variation.board_m),
                    "y": pose.y + rng.uniform(-variation.board_m, variation.board_m),
                    "yaw": pose.yaw + rng.uniform(-variation.board_rad, variation.board_rad),
                }
            )
        }
        for rail_name in (*NIC_RAILS, *SC_RAILS):
            rail = getattr(board, rail_name)
            if not rail.entity_present:
                continue
            limit = limits.nic_rail if rail_name in NIC_RAILS else limits.sc_rail
            where = {
                "translation": rng.uniform(limit.min_translation, limit.max_translation),
                "yaw": rng.uniform(-TURN_RAD, TURN_RAD),
            }
            entity = rail.entity_pose.model_copy(update=where)
            changed[rail_name] = rail.model_copy(update={"entity_pose": entity})
        changed_scene = drawn.trial.scene.model_copy(update={"task_board": board.model_copy(update=changed)})
        fixture = drawn.fixture
        if fixture is not None:
            where = {
                "x_m": fixture.x_m + rng.uniform(-_FIXTURE_SLIDE_M, _FIXTURE_SLIDE_M),
                "yaw_rad": rng.uniform(-TURN_RAD, TURN_RAD),
            }
            self._fixture_design, fixture = scenario.fixture, fixture.model_copy(update=where)
        return drawn.trial.model_copy(update={"scene": changed_scene}), fixture, scenario.trial

    def _design(
        self, trial: Trial, connectors: Mapping[str, Connector], fixture: BenchFixture | None
    ) -> tuple[dict[str, NominalPort], dict[str, ModuleDesign]]:
        """Return what the estimator may know of ports and modules: which there are, and how far they may slide."""
        design = design_board(trial.scene.task_board, trial.task_board_limits, connectors)
        ports, modules = dict(design.ports), dict(design.modules)
        if fixture is not None and self._fixture_design is not None:
            known = self._fixture_design
            X = pose_from_xyz_rpy((known.x_m, known.y_m, known.z_m), (np.pi, 0.0, 0.0))
            ports[FIXTURE_PORT] = NominalPort(FIXTURE_PORT, X, known.connector.port.stop_depth_m)
            blocks = block_shapes(known)
            poses = [X @ block.X_BS.matrix() for block in blocks]
            others = Boxes.of(np.array([block.size for block in blocks]), np.array(poses).reshape(-1, 4, 4))
            modules["fixture"] = design_module(
                "fixture",
                X[:3, 3],
                Freedom((1.0, 0.0, 0.0), _FIXTURE_SLIDE_M, TURN_RAD),
                {FIXTURE_PORT: ports[FIXTURE_PORT]},
                {FIXTURE_PORT: known.connector},
                others,
            )
        return ports, modules

    def _repainted(self, scene: Scene, variation: Variation) -> Scene:
        """Return the scene with everything on the board in other colours; parts of one module differ a little, too."""
        spread = float(np.log(variation.colour))

        piece = float(np.exp(self._rng.uniform(-0.15, 0.15) * spread))

        def painted(shape: Shape, tint: Matrix) -> Shape:
            own = piece if shape.link == ROUND else float(np.exp(self._rng.uniform(-0.15, 0.15) * spread))
            r, g, b = (float(value) for value in np.clip(np.array(shape.color[:3]) * tint * own, 0.0, 1.0))
            return replace(shape, color=(r, g, b, shape.color[3]))

        statics = []
        for static in scene.statics:
            tint = np.exp(self._rng.uniform(-spread, spread, 3))
            visuals = tuple(painted(shape, tint) for shape in static.visuals)
            statics.append(replace(static, visuals=visuals) if static.entity == "task_board" else static)
        return replace(scene, statics=tuple(statics))

    def _clutter(self, scene: Scene, variation: Variation) -> None:
        """Put printed labels on the board, and something on the port that is asked for where it is to be covered."""
        rng = self._rng
        X_world_board = scene.board.matrix()
        for number in range(int(rng.integers(variation.stickers + 1))):
            size = rng.uniform(0.012, 0.035, 2)
            cells = rng.integers(0, 256, (int(rng.integers(3, 9)), int(rng.integers(3, 9)), 3))
            texture = np.kron(cells, np.ones((6, 6, 1))).astype(np.uint8)
            where = pose_from_xyz_rpy(
                (float(rng.uniform(-0.1, 0.1)), float(rng.uniform(-0.18, 0.08)), 0.0125),
                (np.pi, 0.0, float(rng.uniform(-np.pi, np.pi))),
            )
            plate = TexturedPlate((float(size[0]), float(size[1])), texture)
            self._render.add_body(f"label/{number}", [plate], X_world_board @ where)
        if self.is_covered:
            sizes, gap = rng.uniform(0.02, 0.035, 2), float(rng.uniform(0.0005, 0.004))
            r, g, b = (float(value) for value in rng.uniform(0.1, 0.9, 3))
            rgba = (r, g, b, 1.0)
            X = self._X_world_base @ self.X_base_entrance[self.target]
            slip = pose_from_xyz_rpy((0.0, 0.0, -gap - 0.001), (0.0, 0.0, float(rng.uniform(-np.pi, np.pi))))
            self._render.add_body("cover", [Box((float(sizes[0]), float(sizes[1]), 0.002), rgba)], X @ slip)

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

    def _nominal_plug(self, scene: Scene) -> tuple[Matrix, PlugBody]:
        if scene.plug is None:
            raise ValueError("every trial of this benchmark must start with a plug in the gripper")
        X = self._X_world_tcp
        x, y, z = X[:3, 3].tolist()
        qx, qy, qz, qw = quat_from_rotation(X[:3, :3]).tolist()
        nominal = scene.plug.nominal_grasp(Pose((x, y, z), (qx, qy, qz, qw)))
        return nominal.matrix(), plug_body(scene.plug.connector)

    def _misplace_modules(self, scene: Scene) -> dict[str, Matrix]:
        """Move every module by a draw from the tolerance of its making; return where the ports are then."""
        X_world_board = scene.board.matrix()
        sigma = np.repeat(_PORT_TOLERANCE, 3)
        truth: dict[str, Matrix] = {}
        moved: dict[str, Matrix] = {}
        for module in self.modules:
            ports = [port for name, port in scene.ports.items() if name.startswith(f"{module}/")]
            pivot = invert_pose(X_world_board) @ ports[0].X_WE.matrix()
            pivot[:3, :3] = np.eye(3)
            slip = pivot @ exp_se3(self._rng.normal(0.0, sigma)) @ invert_pose(pivot)
            for port in ports:
                truth[port.name] = self.X_base_board @ slip @ invert_pose(X_world_board) @ port.X_WE.matrix()
            turn = X_world_board @ slip @ invert_pose(X_world_board)
            for name, X in self._render.poses().items():
                if name == f"static/task_board/{module}" or name.startswith(f"static/task_board/{module}/"):
                    moved[name] = turn @ X
        self._render.place(moved)
        return truth

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
