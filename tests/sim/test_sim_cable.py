"""The cable in the cell: what it does to plug and sensor, where its other end is, when it holds the plug back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cablecell.composition.camera_rig import CameraRig, scaled_intrinsics
from cablecell.composition.machines import MachineOptions
from cablecell.composition.simulated_backend import SimulatedCell
from cablecell.configuration import load_simulation
from cablecell.core.cable.condition import CableFault
from cablecell.core.config.camera import RenderSettings
from cablecell.core.config.sensors import CameraSettings
from cablecell.core.config.simulation import FarEnd
from cablecell.simulation.errors import TrialSceneError
from cablecell.simulation.render_scene import RenderScene
from cablecell.simulation.scene_state import CABLE_POINTS, SceneState
from cablecell.simulation.visual_scene import add_scene, show_state
from tests.support.sim_cell import PERIOD_S, StraightInserter, connected, scene

NO_CABLE = {"cable": {"is_present": False}}


def wait(machine, seconds):
    for _ in range(round(seconds / PERIOD_S)):
        machine.cycle(PERIOD_S)


def clipped(position, hold_n=10.0, kind="clipped"):
    end = FarEnd(kind=kind, position_m=list(position), direction=[0.0, 0.0, 1.0], hold_n=hold_n)
    return {"cable": {"far_end": end}}


def beside(machine, offset):
    return tuple(np.add(machine.world.boot(), offset).tolist())


def test_the_sensor_feels_what_the_rod_does_to_the_plug():
    with_cable, without = connected("trial_1"), connected("trial_1", **NO_CABLE)
    for machine in (with_cable, without):
        wait(machine, 0.5)
    world = with_cable.world
    change = np.subtract(world.true_wrench, without.world.true_wrench)
    X = world.frame("ft_frame").matrix()
    force = X[:3, :3].T @ world.cable.force
    lever = X[:3, :3].T @ np.subtract(world.boot(), X[:3, 3])
    torque = X[:3, :3].T @ world.cable.torque + np.cross(lever, force)
    assert np.linalg.norm(force) > 0.15
    assert np.linalg.norm(torque) > 0.005
    assert change[:3] == pytest.approx(force, abs=0.01 * np.linalg.norm(force))
    assert change[3:] == pytest.approx(torque, abs=0.02 * np.linalg.norm(torque))
    for machine in (with_cable, without):
        machine.disconnect()


def test_a_free_cable_hangs_to_the_table_and_lies_there():
    machine = connected("trial_1")
    world, cable = machine.world, machine.world.scene.plug.connector.cable
    nodes = world.cable.rod.nodes
    table = world.scene.board.p[2]
    assert tuple(nodes[0]) == pytest.approx(world.boot(), abs=1e-9)
    assert nodes[-1, 2] == pytest.approx(table + cable.diameter_m / 2.0, abs=1e-3)
    height = world.boot()[2] - table
    weight = cable.mass_kg_per_m * 9.80665
    # Quasi-static: the plug carries what hangs, and the arch over it.
    assert weight * height < -world.cable.force[2] < weight * (height + 0.15)
    assert machine.truth.cable().faults == frozenset()
    machine.disconnect()


def test_the_cable_follows_the_plug_and_its_pull_is_smooth():
    machine = connected("trial_1")
    inserter, pulls = StraightInserter(machine), []
    inserter.above(0.03)
    inserter.push(0.02, 0.05, on_step=lambda: pulls.append(machine.world.cable.force))
    jumps = np.abs(np.diff(np.array(pulls), axis=0)).max()
    assert np.ptp(np.array(pulls)[:, 2]) > 0.003
    assert jumps < 0.003
    assert machine.world.cable.rod.residual_n < 1e-6
    machine.disconnect()


@pytest.mark.parametrize("kind", ["clipped", "plugged"])
def test_the_far_end_stays_where_it_is_held(kind):
    probe = connected("trial_1")
    place = beside(probe, (0.1, 0.7, -0.05))
    probe.disconnect()
    machine = connected("trial_1", **clipped(place, kind=kind))
    wait(machine, 0.2)
    rod = machine.world.cable.rod
    assert tuple(rod.nodes[-1]) == pytest.approx(place, abs=1e-12)
    # The cable leaves its holder upwards, so at its end it runs down.
    last = rod.nodes[-1] - rod.nodes[-2]
    assert last[2] / np.linalg.norm(last) < -0.8
    weight = rod.properties.mass_kg_per_m * rod.properties.length_m * 9.80665
    assert rod.force[2] + rod.far_force[2] == pytest.approx(-weight, rel=0.01)
    assert not machine.truth.cable().is_snagged
    machine.disconnect()


def test_a_clip_out_of_reach_is_one_clear_line():
    probe = connected("trial_1")
    place = beside(probe, (0.0, 1.2, 0.0))
    probe.disconnect()
    with pytest.raises(TrialSceneError, match="must reach it with slack") as caught:
        connected("trial_1", **clipped(place))
    assert caught.value.code == 853
    assert (caught.value.unit, caught.value.frame) == ("m", "world")


def test_a_cable_that_is_too_short_holds_the_plug_back():
    probe = connected("trial_1")
    place = beside(probe, (0.0, 0.93, 0.05))
    probe.disconnect()
    machine = connected("trial_1", **clipped(place, hold_n=3.0))
    wait(machine, 0.2)
    assert not machine.truth.cable().is_snagged
    slack = machine.truth.grasp_force_n()
    inserter = StraightInserter(machine)
    x, y, z = inserter.kinematics.tcp(inserter.q).p
    pulled = inserter.kinematics.tcp(inserter.q)._replace(p=(x, y - 0.035, z))
    inserter.move_to(inserter.kinematics.solve(pulled, inserter.q), 1.0)
    inserter.wait(0.3)
    condition = machine.truth.cable()
    assert condition.is_snagged
    assert {CableFault.TAUT, CableFault.CLIP_PULLED} <= condition.faults
    assert condition.far_pull_n > 3.0
    # The gripper feels it, and the cable is in balance with its clip.
    assert machine.truth.grasp_force_n() - slack > 0.7 * condition.far_pull_n
    assert set(machine.truth.cable_faults) >= {CableFault.TAUT, CableFault.CLIP_PULLED}
    # Nothing rings between arm and cable: the plug is at rest.
    speeds = []
    for _ in range(50):
        machine.cycle(PERIOD_S)
        speeds.append(np.linalg.norm(machine.world.tcp_velocity()))
    assert max(speeds) < 1e-3
    machine.disconnect()


def test_cameras_see_every_segment_of_the_cable():
    machine = connected("trial_1", cable={"segments": 60})
    state = machine.scene_state()
    assert SceneState.from_list(state.flatten()) == state
    line = np.array(state.cable)
    assert len(line) == CABLE_POINTS >= 25
    assert tuple(line[0]) == pytest.approx(machine.world.boot(), abs=1e-9)
    assert tuple(line[-1]) == pytest.approx(tuple(machine.world.cable.rod.nodes[-1]), abs=1e-12)
    render = RenderScene()
    add_scene(render, scene("trial_1"))
    show_state(render, scene("trial_1"), state)
    poses = render.poses()
    pieces = [poses[f"cable/{i}"] for i in range(CABLE_POINTS - 1)]
    for piece, a, b in zip(pieces, line[:-1], line[1:], strict=True):
        assert piece[:3, 3] == pytest.approx(0.5 * (a + b), abs=1e-9)
        assert piece[:3, 2] == pytest.approx((b - a) / np.linalg.norm(b - a), abs=1e-6)
    machine.disconnect()


def test_a_camera_sees_the_cable_where_it_is():
    simulation = load_simulation()
    cell = SimulatedCell(MachineOptions(trial="trial_1", seed=3))
    cell.machine.connect()
    rig = CameraRig(
        scaled_intrinsics(0.25), simulation.model_copy(update={"cameras": CameraSettings.exact()}), RenderSettings()
    )
    rig.show_trial(cell.source)
    state = cell.machine.scene_state()
    seen = {}
    for name, line in (("here", state.cable), ("beside", [(x + 0.01, y, z) for x, y, z in state.cable]), ("not", ())):
        rig.set_state(replace(state, cable=tuple(line)).flatten())
        seen[name] = rig.capture("left").pixels.astype(int)
    covers = {name: np.abs(seen[name] - seen["not"]).max(axis=2) > 40 for name in ("here", "beside")}
    assert covers["here"].sum() > 50
    # Moved by more than twice its width, it covers other pixels.
    both = (covers["here"] & covers["beside"]).sum()
    assert both < 0.5 * min(covers["here"].sum(), covers["beside"].sum())
    rig.close()
    cell.machine.disconnect()
