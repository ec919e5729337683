"""What a task states about its plug agrees with where the trial really puts it."""

import numpy as np
import pytest

from cablecell.composition.robot_description import load_robot_description
from cablecell.composition.simulated_cell import load_scene
from cablecell.composition.task_knowledge import TaskKnowledge, UnknownLayoutError, home_tcp
from cablecell.configuration import load_connectors, load_trials
from cablecell.core.geometry import exp_so3, pose_difference, pose_from_quat, quat_from_rotation
from cablecell.core.motion.model import RobotModel
from cablecell.simulation.rigid import Pose

LAYOUTS = ("trial_1", "trial_2", "trial_3")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_designed_grasp_is_the_one_the_scene_is_built_with(layout):
    file = load_trials()
    X_world_tcp = home_tcp(file.robot.home_joint_positions.in_order())
    scene = load_scene(file.trials[layout], load_connectors())
    tcp = Pose(tuple(X_world_tcp[:3, 3].tolist()), tuple(quat_from_rotation(X_world_tcp[:3, :3]).tolist()))
    expected = scene.plug.nominal_grasp(tcp)
    held = TaskKnowledge().held_plug(layout)
    assert held.connector == scene.plug.connector.name
    assert np.abs(pose_difference(held.X_tcp_tip, pose_from_quat(expected.p, expected.q))).max() < 1e-9


@pytest.mark.parametrize("layout", LAYOUTS)
def test_covariance_of_the_grasp_is_that_of_plugs_turned_where_they_are_held(layout):
    held = TaskKnowledge().held_plug(layout)
    rng = np.random.default_rng(4)
    X = held.X_tcp_tip
    errors = []
    for _ in range(4000):
        turn, shift = rng.normal(0.0, held.rotation_sigma_rad, 3), rng.normal(0.0, held.position_sigma_m, 3)
        moved = exp_so3(turn) @ X[:3, 3] + shift
        errors.append([*(X[:3, :3].T @ (moved - X[:3, 3])), *(X[:3, :3].T @ turn)])
    scale = np.sqrt(np.diag(held.covariance))
    difference = (np.cov(np.array(errors).T) - held.covariance) / np.outer(scale, scale)
    assert np.abs(difference).max() < 0.1
    if held.connector == "sfp":  # 58 mm ahead of the tcp: the turn moves the tip more than the shift
        assert scale[:2].min() > 1.4 * held.position_sigma_m


def test_home_tcp_agrees_with_the_robot_model():
    home = load_trials().robot.home_joint_positions.in_order()
    model = RobotModel(load_robot_description(with_enclosure=False))
    expected = model.X_world_base @ model.fk(home)
    assert np.abs(pose_difference(home_tcp(home), expected)).max() < 1e-9


def test_the_designs_of_the_trials_differ():
    plugs = [TaskKnowledge().held_plug(layout).X_tcp_tip for layout in LAYOUTS]
    assert np.linalg.norm(plugs[0][:3, 3] - plugs[1][:3, 3]) == pytest.approx(0.003, abs=1e-6)


def test_unknown_layout_names_the_valid_ones():
    with pytest.raises(UnknownLayoutError, match="valid are trial_1, trial_2, trial_3"):
        TaskKnowledge().held_plug("trial_9")
