"""What Bullet collides with against the connector files: faces, floors, friction, damping."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pybullet as p

from cablecell.configuration import load_connectors
from cablecell.core.config.connector import Connector, Wall
from cablecell.core.config.simulation import PhysicsSettings
from cablecell.evaluation.physics_checks.check import Check, between
from cablecell.simulation.bodies import PLUG_FRICTION, add_plug, add_port, open_client
from cablecell.simulation.contact_geometry import is_flared, outer_sides
from cablecell.simulation.contact_rig import RigSetup, rig_connector
from cablecell.simulation.rigid import IDENTITY, NO_ROTATION, Pose

Result = tuple[float, float, dict[str, Any]]

PROBE_RADIUS_M = 0.2e-3


def _connectors(rng: np.random.Generator) -> Iterator[Connector]:
    yield from load_connectors().values()
    for _ in range(6):
        yield rig_connector(
            RigSetup(
                clearance_m=between(rng, 1.0e-5, 2.0e-4),
                half_width_m=between(rng, 2.0e-3, 6.0e-3),
                lead_in_m=between(rng, 0.3e-3, 2.0e-3),
            )
        )


def _walls(rng: np.random.Generator) -> Result:
    """Distance of every inner face of every wall from where it should be, found with a small sphere beside it, m."""
    worst, faces = 0.0, 0
    for connector in _connectors(rng):
        client = open_client(PhysicsSettings(contact_breaking_m=0.02))
        port = add_port(client, connector, IDENTITY)
        shape = p.createCollisionShape(p.GEOM_SPHERE, radius=PROBE_RADIUS_M, physicsClientId=client)
        probe = p.createMultiBody(0.0, shape, physicsClientId=client)
        for wall, body in zip(connector.port.walls, port, strict=False):
            free = outer_sides(wall, connector.port) if is_flared(connector.port) else set()
            for side in sorted({"+x", "-x", "+y", "-y"} - free):
                point = _beside(wall, side, connector)
                p.resetBasePositionAndOrientation(probe, point, NO_ROTATION, physicsClientId=client)
                gap = min(c[8] for c in p.getClosestPoints(probe, body, 0.01, physicsClientId=client))
                worst, faces = max(worst, abs(gap - PROBE_RADIUS_M)), faces + 1
        p.disconnect(physicsClientId=client)
    return worst, 1.0e-6, {"faces": faces}


def _beside(wall: Wall, side: str, connector: Connector) -> tuple[float, float, float]:
    """Return a point two radii beside the straight part of a wall's side, away from its middle."""
    rim = connector.port.wall_rim_m(wall)
    bends = [lead.height_m for lead in wall.lead_in] + ([wall.taper.depth_m] if wall.taper else [])
    z = 0.5 * (rim + max(bends, default=0.0) + connector.port.wall_end_m)
    (x0, x1), (y0, y1) = wall.section_m(z - rim)
    away = 2.0 * PROBE_RADIUS_M
    return {
        "+x": (x1 + away, 0.6 * y0 + 0.4 * y1, z),
        "-x": (x0 - away, 0.6 * y0 + 0.4 * y1, z),
        "+y": (0.6 * x0 + 0.4 * x1, y1 + away, z),
        "-y": (0.6 * x0 + 0.4 * x1, y0 - away, z),
    }[side]


def _plugs(rng: np.random.Generator) -> Result:
    """Distance of every leading face from the floor below it against the data, m."""
    worst = 0.0
    for connector in _connectors(rng):
        if connector.round_fit is not None:
            continue  # the round contact has its own floor
        client = open_client(PhysicsSettings(contact_breaking_m=0.02))
        port = add_port(client, connector, IDENTITY)
        above, com = between(rng, 0.2e-3, 0.6e-3), connector.plug.com_m
        z = connector.port.stop_depth_m - above
        plug = add_plug(client, connector, Pose((com[0], com[1], z + com[2]), NO_ROTATION))
        gap = min(c[8] for c in p.getClosestPoints(plug, port[-1], 0.01, physicsClientId=client))
        worst = max(worst, abs(gap - above))
        p.disconnect(physicsClientId=client)
    return worst, 1.0e-6, {}


def _dynamics(rng: np.random.Generator) -> Result:
    """Number of bodies whose friction, margin, mass or damping is not what was set."""
    wrong = 0
    for connector in _connectors(rng):
        client = open_client(PhysicsSettings())
        port, plug = add_port(client, connector, IDENTITY), add_plug(client, connector, IDENTITY)
        for body in port:
            info = p.getDynamicsInfo(body, -1, physicsClientId=client)
            is_hull = body != port[-1]
            wrong += abs(info[1] - connector.friction) > 1.0e-9 or (is_hull and abs(info[11]) > 1.0e-9)
        info = p.getDynamicsInfo(plug, -1, physicsClientId=client)
        wrong += info[0] != connector.plug.mass_kg or info[1] != PLUG_FRICTION
        wrong += abs(info[11] - connector.plug.edge_radius_m) > 1.0e-9
        p.setGravity(0.0, 0.0, 0.0, physicsClientId=client)
        p.resetBasePositionAndOrientation(plug, (1.0, 0.0, 0.0), NO_ROTATION, physicsClientId=client)
        p.resetBaseVelocity(plug, (1.0, 0.0, 0.0), (0.0, 0.0, 3.0), physicsClientId=client)
        for _ in range(100):
            p.stepSimulation(physicsClientId=client)
        v, w = p.getBaseVelocity(plug, physicsClientId=client)
        wrong += abs(v[0] - 1.0) > 1.0e-9 or abs(w[2] - 3.0) > 1.0e-9
        p.disconnect(physicsClientId=client)
    return float(wrong), 0.0, {}


def size_checks() -> list[Check]:
    """Return the checks of sizes and settings."""
    return [
        Check("wall_faces", "faces of all walls of all connectors", "m", 1.0, _walls, kind="limit"),
        Check("floors", "floors of all connectors below their plugs", "m", 1.0, _plugs, kind="limit"),
        Check(
            "body_settings", "bodies with other friction, margin, mass or damping", "1", 0.0, _dynamics, kind="absolute"
        ),
    ]
