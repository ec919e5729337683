"""What Bullet collides with is what the connector data say: sizes, margins, friction, damping."""

from __future__ import annotations

import numpy as np
import pybullet as p
import pytest

from cablecell.configuration import load_connectors
from cablecell.core.config.simulation import PhysicsSettings
from cablecell.simulation.bodies import PLUG_FRICTION, add_plug, add_port, open_client
from cablecell.simulation.rigid import IDENTITY, NO_ROTATION, Pose
from tests.support.sim_cell import connected

DEEP_M = {"sfp": 0.030, "sc": 0.0145}
"""A depth at which all mating parts are below the lead-in."""


@pytest.fixture(params=["sfp", "sc"])
def pair(request):
    connector = load_connectors()[request.param]
    client = open_client(PhysicsSettings())
    port = add_port(client, connector, IDENTITY)
    com = connector.plug.com_m
    X = Pose((0.0, 0.0, DEEP_M[connector.name]), NO_ROTATION) @ Pose((com[0], com[1], com[2]), NO_ROTATION)
    plug = add_plug(client, connector, X)
    yield client, connector, port, plug
    p.disconnect(physicsClientId=client)


def gap(client, a, b):
    return min(point[8] for point in p.getClosestPoints(a, b, 0.05, physicsClientId=client))


def expected_gaps(connector):
    """Smallest distance of the plug's boxes to each wall's inner face, at depth, from the data alone."""
    found = {}
    for wall in connector.port.walls:
        distances = []
        for part in connector.plug.parts:
            low, high = (
                np.array(part.centre_m) - np.array(part.size_m) / 2,
                np.array(part.centre_m) + np.array(part.size_m) / 2,
            )
            if low[2] + DEEP_M[connector.name] > connector.port.wall_end_m or high[2] + DEEP_M[connector.name] < 2e-3:
                continue
            dx = max(wall.x_m[0] - high[0], low[0] - wall.x_m[1], 0.0)
            dy = max(wall.y_m[0] - high[1], low[1] - wall.y_m[1], 0.0)
            distances.append(np.hypot(dx, dy))
        found[wall.name] = min(distances)
    return found


def test_every_wall_is_where_the_data_say_to_a_micrometre(pair):
    client, connector, port, plug = pair
    expected = expected_gaps(connector)
    for wall, body in zip(connector.port.walls, port, strict=False):
        if wall.taper is not None:
            continue  # the gap varies with depth: checked below
        assert gap(client, plug, body) == pytest.approx(expected[wall.name], abs=1e-6), wall.name


def test_the_floor_is_where_the_data_say(pair):
    client, connector, port, plug = pair
    assert gap(client, plug, port[-1]) == pytest.approx(connector.port.stop_depth_m - DEEP_M[connector.name], abs=1e-6)


@pytest.mark.parametrize("pair", ["sc"], indirect=True)
def test_the_tapered_lid_comes_as_near_as_stated(pair):
    client, connector, port, plug = pair
    lid = port[[wall.name for wall in connector.port.walls].index("lid_middle")]
    # Housing top at 3.65 mm, lid at 3.8 mm below the taper.
    assert gap(client, plug, lid) == pytest.approx(0.15e-3, abs=2e-6)


def test_another_clearance_is_what_is_left_between_plug_and_wall():
    client = open_client(PhysicsSettings())
    connector = load_connectors()["sfp"].with_clearance(2.0e-5)
    port = add_port(client, connector, IDENTITY)
    com = connector.plug.com_m
    plug = add_plug(client, connector, Pose((com[0], com[1], 0.03 + com[2]), NO_ROTATION))
    for body in port[:4]:
        assert gap(client, plug, body) == pytest.approx(2.0e-5, abs=1e-6)
    p.disconnect(physicsClientId=client)


def test_friction_and_margin_are_really_set(pair):
    client, connector, port, plug = pair
    for body in port:
        info = p.getDynamicsInfo(body, -1, physicsClientId=client)
        assert info[1] == pytest.approx(connector.friction)
    for body in port[:-1]:
        assert p.getDynamicsInfo(body, -1, physicsClientId=client)[11] == pytest.approx(0.0, abs=1e-9)
    info = p.getDynamicsInfo(plug, -1, physicsClientId=client)
    assert info[0] == connector.plug.mass_kg
    assert info[1] == PLUG_FRICTION
    assert info[2] == pytest.approx(connector.plug.inertia_kg_m2)
    assert info[11] == pytest.approx(connector.plug.edge_radius_m)


def test_a_plug_flies_without_damping(pair):
    client, _, _, plug = pair
    p.setGravity(0.0, 0.0, 0.0, physicsClientId=client)
    p.resetBasePositionAndOrientation(plug, (0.5, 0.0, 0.0), NO_ROTATION, physicsClientId=client)
    p.resetBaseVelocity(plug, (1.0, 0.0, 0.0), (0.0, 0.0, 3.0), physicsClientId=client)
    for _ in range(1000):
        p.stepSimulation(physicsClientId=client)
    velocity, turning = p.getBaseVelocity(plug, physicsClientId=client)
    assert velocity == pytest.approx((1.0, 0.0, 0.0), abs=1e-9)
    assert turning == pytest.approx((0.0, 0.0, 3.0), abs=1e-9)


def test_a_plug_falls_as_it_should(pair):
    client, _, _, plug = pair
    p.resetBasePositionAndOrientation(plug, (0.5, 0.0, 2.0), NO_ROTATION, physicsClientId=client)
    for _ in range(1000):
        p.stepSimulation(physicsClientId=client)
    z = p.getBasePositionAndOrientation(plug, physicsClientId=client)[0][2]
    # Semi-implicit Euler is half a step ahead of ½gt².
    assert 2.0 - z == pytest.approx(0.5 * 9.80665 * 0.5 * (0.5 + 1 / 2000), rel=1e-6)


def test_engine_settings_hold_in_a_cell():
    machine = connected("trial_1")
    engine = p.getPhysicsEngineParameters(physicsClientId=machine.world.client)
    assert engine["fixedTimeStep"] == pytest.approx(1 / 2000)
    assert engine["numSolverIterations"] == 100
    for name, bodies in machine.world.ports.items():
        friction = machine.world.scene.ports[name].connector.friction
        for body in bodies:
            info = p.getDynamicsInfo(body, -1, physicsClientId=machine.world.client)
            assert info[1] == pytest.approx(friction)
    machine.disconnect()


def test_worlds_built_again_hand_bullet_no_new_vertices(monkeypatch):
    # PyBullet never lets go of a list of vertices: each would cost memory that no world gives back.
    given = []
    create = p.createCollisionShape

    def spied(kind, **arguments):
        if "vertices" in arguments:
            given.append(arguments["vertices"])
        return create(kind, **arguments)

    monkeypatch.setattr(p, "createCollisionShape", spied)
    for _ in range(2):
        connected("trial_1").disconnect()
    first, second = given[: len(given) // 2], given[len(given) // 2 :]
    assert first
    assert all(a is b for a, b in zip(first, second, strict=True))
