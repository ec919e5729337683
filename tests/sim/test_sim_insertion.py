"""The three sample trials can be plugged: true geometry, true contact, no snapping."""

from __future__ import annotations

import numpy as np
import pytest

from cablecell.simulation.render_scene import RenderScene
from cablecell.simulation.scene_state import SceneState
from cablecell.simulation.visual_scene import add_scene, link_poses, show_state
from tests.support.sim_cell import StraightInserter, connected, hold, scene

WEIGHT_BEHIND_SENSOR_KG = 1.0 + 1e-3 + 0.08  # gripper, sensor frame, plug


@pytest.mark.parametrize("trial", ["trial_1", "trial_2", "trial_3"])
def test_a_plug_pushed_straight_into_its_port_is_seated_with_little_force(trial):
    machine = connected(trial)
    inserter = StraightInserter(machine)
    inserter.above(0.01)
    still = np.array(machine.world.true_wrench[:3])
    forces, depths = [], []

    def look():
        forces.append(float(np.linalg.norm(np.array(machine.world.true_wrench[:3]) - still)))
        depths.append(machine.truth.plug_in_port().depth_m)

    port = machine.world.scene.ports[machine.world.scene.target].connector.port
    inserter.push(0.01 + port.stop_depth_m - 2.5e-3, 0.04)
    inserter.push(2.8e-3, 0.01, look)
    assert not machine.truth.is_seated  # the dwell is not over
    inserter.wait(1.1)
    assert machine.truth.is_seated
    assert machine.truth.inserted == machine.world.scene.target
    assert machine.truth.latch_engaged()
    assert max(forces) < 20.0
    # A latch is felt: force rises, and drops when it clicks.
    clicked = int(np.argmax(np.array(depths) > port.stop_depth_m - 0.5e-3))
    assert max(forces[:clicked]) > 4.0
    assert min(forces[clicked : clicked + 25]) < 2.0
    assert machine.truth.plug_in_port().depth_m == pytest.approx(port.stop_depth_m, abs=1e-6)
    assert machine.truth.contacts == []
    # Pulled back by 1 mm from 0.3 mm of push, the latch holds: its play, then latch and grasp as springs in series.
    inserter.push(-1.0e-3, 0.01)
    inserter.wait(0.1)
    latch = machine.world.scene.ports[machine.world.scene.target].connector.latch
    pull = (0.7e-3 - latch.play_m) / (1.0 / 40.0e3 + 1.0 / latch.retention_stiffness_n_per_m)
    assert float(np.array(machine.world.true_wrench[:3]) @ [0.0, 0.0, 1.0]) > still[2] + 0.5 * pull
    assert machine.truth.grasp_force_n() == pytest.approx(pull, abs=1.2)  # plug and cable weigh 1 N
    assert machine.truth.is_seated is False  # 0.5 mm of give is more than the seat's tolerance
    assert machine.truth.latch_engaged()
    machine.disconnect()


def test_a_plug_beside_its_port_lands_on_the_rim_and_is_not_seated():
    machine = connected("trial_1")
    inserter = StraightInserter(machine)
    inserter.above(0.002)
    X = inserter.kinematics.tcp(inserter.q)
    across = machine.truth.target_entrance().matrix()[:3, 0]
    shifted = X._replace(p=tuple(np.array(X.p) + 1.0e-3 * across))
    inserter.move_to(inserter.kinematics.solve(shifted, inserter.q), 0.3)
    inserter.push(0.0022, 0.01)
    inserter.wait(0.1)
    where = machine.truth.plug_in_port()
    assert (
        abs(where.depth_m - machine.world.scene.ports[machine.world.scene.target].connector.port.rim_depth_m) < 0.15e-3
    )
    assert machine.truth.contact_force_n() > 2.0
    assert not machine.truth.is_seated
    machine.disconnect()


@pytest.mark.parametrize("trial", ["trial_1", "trial_3"])
def test_the_arm_holds_itself_and_the_plug_at_home(trial):
    machine = connected(trial, cable={"is_present": False})
    home = machine.arm.read().q.copy()
    hold(machine, 1.0, home)
    assert np.abs(machine.arm.read().q - home).max() < 1e-4
    assert np.abs(machine.arm.read().dq).max() < 1e-5
    deviation = np.subtract(machine.truth.tip_in_tcp().p, machine.world.X_tcp_tip_nominal.p)
    assert np.abs(deviation).max() < 1e-4
    reading = machine.wrench_sensor.read()
    weight = WEIGHT_BEHIND_SENSOR_KG * 9.80665
    assert reading.force[2] == pytest.approx(weight, abs=2e-3)  # the tool points down
    assert np.abs(reading.force[:2]).max() < 0.01
    machine.disconnect()


def test_the_grasp_error_is_inside_its_bounds_and_differs_between_seeds():
    poses = []
    for seed in range(4):
        machine = connected("trial_1", seed=seed, exact=False)
        nominal, true = machine.world.X_tcp_tip_nominal, machine.truth.tip_in_tcp()
        held = true.apply(nominal.inverse().p)  # where the point that should be at tcp really is
        assert np.linalg.norm(held) <= 0.002 + 1e-4
        turn = (nominal.inverse() @ true).q
        assert 2.0 * np.arcsin(np.linalg.norm(turn[:3])) <= 0.04 + 1e-3
        poses.append(true.p)
        machine.disconnect()
    assert len({tuple(np.round(p, 6)) for p in poses}) == 4


def test_the_picture_follows_the_state():
    machine = connected("trial_1")
    state = machine.scene_state()
    assert SceneState.from_list(state.flatten()) == state
    with pytest.raises(ValueError, match="numbers, not 3"):
        SceneState.from_list([0.0, 1.0, 2.0])
    poses = link_poses(scene("trial_1").robot, state)
    for name in ("wrist_3_link", "gripper_base_link", "left_finger_link"):
        true = machine.world.frame(name)
        assert np.abs(poses[name].matrix() - true.matrix()).max() < 2e-7  # Bullet keeps some angles in single precision
    render = RenderScene()
    add_scene(render, scene("trial_1"))
    show_state(render, scene("trial_1"), state)
    assert {"plug", "arm/gripper_base_link", "cable/0"} <= set(render.body_names)
    machine.disconnect()
