"""The shipped connectors take a softly held plug that comes in off-centre, tilted and turned, at any clearance."""

from __future__ import annotations

import numpy as np
import pybullet as p
import pytest

from cablecell.composition.simulated_cell import load_scene
from cablecell.configuration import load_connectors, load_trials
from cablecell.core.config.simulation import GraspSettings, PhysicsSettings
from cablecell.core.geometry.scalar import quat_from_rotvec
from cablecell.simulation.bodies import add_plug, add_port, open_client
from cablecell.simulation.grasp import GraspSpring
from cablecell.simulation.rigid import IDENTITY, NO_ROTATION, Pose

SPEED_M_PER_S, ABOVE_M, BEYOND_M, DT_S = 0.03, 1.0e-3, 2.0e-3, 1.0 / 2000
SOFT = GraspSettings(stiffness_n_per_m=3.0e3, stiffness_nm_per_rad=3.0, damping_ratio=1.0)


def push(connector, rng, offset_m, tilt_rad, yaw_rad):
    """Push a plug straight down and return how far from the stop it ends, and the largest axial force."""
    client = open_client(PhysicsSettings(gravity_m_per_s2=0.0))
    add_port(client, connector, IDENTITY)
    com = tuple(connector.plug.com_m)
    towards, about = rng.uniform(0.0, 2.0 * np.pi, 2)
    q = quat_from_rotvec((tilt_rad * np.cos(about), tilt_rad * np.sin(about), yaw_rad * rng.choice([-1, 1])))
    tip = Pose((offset_m * np.cos(towards), offset_m * np.sin(towards), -ABOVE_M), q)
    support = np.array((tip @ Pose(com, NO_ROTATION)).p)
    plug = add_plug(client, connector, Pose(tuple(support), q))
    spring = GraspSpring(SOFT, connector.plug.mass_kg, min(connector.plug.inertia_kg_m2), IDENTITY)
    peak = 0.0
    for _ in range(round((connector.port.stop_depth_m + ABOVE_M + BEYOND_M) / SPEED_M_PER_S / DT_S)):
        support[2] += SPEED_M_PER_S * DT_S
        position, orientation = p.getBasePositionAndOrientation(plug, physicsClientId=client)
        v, w = p.getBaseVelocity(plug, physicsClientId=client)
        force, torque, _ = spring.update(
            tuple(support), q, (0.0, 0.0, SPEED_M_PER_S), (0.0, 0.0, 0.0), position, orientation, v, w
        )
        p.applyExternalForce(plug, -1, force, position, p.WORLD_FRAME, physicsClientId=client)
        p.applyExternalTorque(plug, -1, torque, p.WORLD_FRAME, physicsClientId=client)
        p.stepSimulation(physicsClientId=client)
        peak = max(peak, abs(force[2]))
    end = Pose(*p.getBasePositionAndOrientation(plug, physicsClientId=client)) @ Pose(com, NO_ROTATION).inverse()
    p.disconnect(physicsClientId=client)
    return connector.port.stop_depth_m - end.p[2], peak


@pytest.mark.parametrize("name", ["sfp", "sc"])
@pytest.mark.parametrize(
    ("clearance_m", "offset_m", "tilt_rad", "yaw_rad"),
    [(None, 0.5e-3, 0.02, 0.01), (1.0e-4, 0.3e-3, 0.005, 0.003), (5.0e-5, 0.2e-3, 0.002, 0.001)],
)
def test_a_plug_within_the_lead_in_goes_in_without_a_catch(name, clearance_m, offset_m, tilt_rad, yaw_rad):
    connector = load_connectors()[name]
    if clearance_m is not None:
        connector = connector.with_clearance(clearance_m)
    rng = np.random.default_rng(11)
    for _ in range(4):
        short_m, peak_n = push(connector, rng, offset_m, tilt_rad, yaw_rad)
        assert abs(short_m) < 0.3e-3
        assert peak_n < 12.0  # 6 N of spring at the stop, and the lead-in


@pytest.mark.parametrize("name", ["sfp", "sc"])
def test_a_plug_beyond_the_lead_in_stays_outside(name):
    connector = load_connectors()[name]
    short_m, _ = push(connector, np.random.default_rng(1), 2.5e-3, 0.0, 0.0)
    assert short_m > connector.port.stop_depth_m - 3.0e-3  # ferrules stand out by 2.3 mm


def test_the_keys_keep_a_duplex_plug_from_going_in_upside_down():
    connector = load_connectors()["sc"]
    short_m, _ = push(connector, np.random.default_rng(1), 0.0, 0.0, np.pi)
    assert short_m > 5.0e-3


@pytest.mark.parametrize(("trial", "shell"), [("trial_1", "sfp"), ("trial_3", "sc")])
def test_walls_stand_nowhere_outside_the_published_port(trial, shell):
    # Fingers pass beside the port: a wall made thicker outwards is in their way.
    scene = load_scene(load_trials().trials[trial], load_connectors())
    port = scene.ports[scene.target]
    corners = []
    for body in scene.statics:
        if body.name.endswith("_shell") and scene.target.split("/")[0] in body.name:
            for shape in body.visuals:
                half = np.array(shape.size) / 2.0
                X = port.X_WE.inverse() @ body.X_WB @ shape.X_BS
                corners += [
                    (X @ Pose(tuple(half * s), NO_ROTATION)).p
                    for s in np.ndindex(2, 2, 2)
                    for s in [2.0 * np.array(s) - 1]
                ]
    published = np.abs(np.array(corners)[:, :2]).max(axis=0)
    walls = port.connector.port.walls
    assert max(abs(v) for wall in walls for v in wall.x_m) <= published[0] + 2.0e-5
    assert max(abs(v) for wall in walls for v in wall.y_m) <= published[1] + 2.0e-5


def test_the_pads_pass_beside_the_sc_port():
    # The published pads are 13.1 mm apart and come down to the rim of a port that is 9.3 mm high.
    sc = load_connectors()["sc"]
    half_height = max(abs(v) for wall in sc.port.walls for v in wall.y_m)
    assert sc.grasp.width_m / 2.0 - half_height > 1.8e-3
