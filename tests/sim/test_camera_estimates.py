"""From the home pose of the sample trials: board, target port and gripped plug out of rendered images alone."""

from __future__ import annotations

import numpy as np
import pytest

from cablecell.composition.robot_description import load_task_board_description
from cablecell.composition.simulated_cell import load_scene, slot_arguments
from cablecell.configuration import load_connectors, load_fiducials, load_simulation, load_trials
from cablecell.core.config.camera import CameraIntrinsics, ImageErrors
from cablecell.core.config.estimator import EstimatorSettings
from cablecell.core.fusion.board_looks import Viewer
from cablecell.core.fusion.board_state import CameraRig
from cablecell.core.fusion.ports_estimator import HeldPlug, PortEstimator
from cablecell.core.geometry import invert_pose, log_se3
from cablecell.core.perception.fiducials import build_patches
from cablecell.core.perception.layout import read_layout
from cablecell.core.perception.plug_body import plug_body
from cablecell.evaluation.bench_perception import run_scene, summarise
from cablecell.evaluation.perception_scenes import FAMILIES
from cablecell.simulation.camera import CameraPose, SimulatedCamera
from cablecell.simulation.camera_scene import build_camera_scene
from cablecell.simulation.machine import SimulatedMachine
from cablecell.simulation.visual_scene import link_poses, show_state
from tests.support.board_scene import tool_outline

CAMERAS = ("left", "center", "right")


class HomeLook:
    """A sample trial with the arm at home and one look taken; hand-eye and kinematics are exact here."""

    def __init__(self, name, seed=4):
        trial = load_trials().trials[name]
        scene = load_scene(trial, load_connectors())
        machine = SimulatedMachine(scene, load_simulation(), seed=seed)
        machine.connect()
        try:
            state = machine.scene_state()
            self.X_tcp_tip_true = machine.truth.tip_in_tcp().matrix()
            X_tcp_tip = machine.world.X_tcp_tip_nominal.matrix()
        finally:
            machine.disconnect()
        poses = {body: X.matrix() for body, X in link_poses(scene.robot, state).items()}

        def frame(link):
            body, X = scene.robot.frames[link]
            return poses[body] @ X.matrix()

        X_base_world = invert_pose(frame("base_link"))
        self.target = scene.target
        self.X_base_board = X_base_world @ scene.board.matrix()
        self.X_base_entrance = {port: X_base_world @ p.X_WE.matrix() for port, p in scene.ports.items()}
        mounts = {camera: invert_pose(frame("tcp")) @ frame(f"{camera}_camera_optical_frame") for camera in CAMERAS}
        viewer = Viewer(
            CameraRig.calibrated(mounts, EstimatorSettings()),
            {camera: CameraIntrinsics() for camera in CAMERAS},
            tool_outline(),
        )
        board_urdf = load_task_board_description(**slot_arguments(trial.scene.task_board))
        self.estimator = PortEstimator(viewer, build_patches(load_fiducials()), read_layout(board_urdf))
        self.estimator.hold(HeldPlug(X_tcp_tip, plug_body(scene.plug.connector)))
        render = build_camera_scene(scene, load_fiducials())
        show_state(render, scene, state)
        self.X_base_tcp = X_base_world @ frame("tcp")
        frames = {}
        for camera, region in self.estimator.regions(self.X_base_tcp, 0.0).items():
            pose = CameraPose(0.0, frame(f"{camera}_camera_optical_frame"))
            eye = SimulatedCamera(camera, camera, render, lambda pose=pose: pose, errors=ImageErrors())
            frames[camera] = eye.capture(region)
        self.outcome = self.estimator.look(0.0, self.X_base_tcp, frames)


@pytest.fixture(scope="module", params=["trial_1", "trial_2", "trial_3"])
def home(request):
    return HomeLook(request.param)


def test_all_cameras_see_the_fiducials_from_home(home):
    assert home.outcome.unseen == {}
    assert home.outcome.board.rejected == ()


def test_the_target_port_is_found(home):
    port = home.estimator.port(home.target, 0.0)
    error = log_se3(invert_pose(port.X_base_entrance) @ home.X_base_entrance[home.target])
    assert np.linalg.norm(error[:3]) < 0.0005
    assert np.linalg.norm(error[3:]) < 0.003
    assert error @ np.linalg.solve(port.covariance, error) < 16.8  # 99 % of a chi-square of 6


def test_the_layout_names_every_port_of_the_scene(home):
    for name in home.X_base_entrance:
        port = home.estimator.port(name, 0.0)
        assert np.linalg.norm(port.X_base_entrance[:3, 3] - home.X_base_entrance[name][:3, 3]) < 0.0006


def test_the_gripped_plug_is_measured(home):
    plug = home.estimator.plug(0.0)
    assert plug.sources[0] == "nominal grasp"
    assert len(plug.sources) == 2
    error = log_se3(invert_pose(plug.X_tcp_tip) @ home.X_tcp_tip_true)
    assert np.linalg.norm(error[:3]) < 0.0007
    assert error @ np.linalg.solve(plug.tip_covariance, error) < 22.5  # 99.9 %


@pytest.mark.parametrize("trial", ["trial_2", "trial_3"])
def test_what_lies_behind_the_plug_is_not_taken_for_its_edges(trial):
    """Gripped like this the board or a marker on it begins right behind the plug, with more contrast than it."""
    home = HomeLook(trial, seed=64)
    plug = home.estimator.plug(0.0)
    assert plug.is_seen
    error = log_se3(invert_pose(plug.X_tcp_tip) @ home.X_tcp_tip_true)
    assert abs(error[2]) < 0.0004
    assert error @ np.linalg.solve(plug.tip_covariance, error) < 22.5  # 99.9 %


def test_a_round_pin_is_seen_by_its_outline():
    row = run_scene(FAMILIES.index("peg_round") + len(FAMILIES), 990)
    assert row["connector"] == "peg_round"
    assert row["observed_is_plug_seen"]
    assert row["observed_tip_nominal_error_m"] > 0.002
    assert row["observed_tip_seen_error_m"] < 0.0005
    assert row["observed_tip_seen_nees"] < 22.5  # 99.9 %


@pytest.mark.parametrize("index", [2, 9])  # an open port; one under a cover
def test_the_benchmark_judges_a_scene(index):
    row = run_scene(index, 0)
    assert row["is_covered"] == (index == 9)
    assert (row["outcome"] == "estimated") == (index == 2)
    unseen = {"connector": "x", "is_covered": False, "frame_sets_s": [0.1], "render_s": 0.1}
    summary = summarise([row, {**unseen, "staging_outcome": "nothing_seen", "observed_outcome": "nothing_seen"}])
    assert summary["covered_unknown_rate"] == (1.0 if index == 9 else 0.0)
    if index == 2:
        assert summary["staging_identity_rate"] == 0.5  # no estimate counts against the rate
        assert summary["staging_error_p95_m"] < 0.003
        assert summary["observed_tip_seen_error_p95_m"] < 0.003
