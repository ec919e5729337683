"""A port that the board does not have: a block on the plate that holds the port of any connector, open upwards."""

from __future__ import annotations

import math
from dataclasses import replace

from cablecell.core.config.connector import Connector
from cablecell.core.config.scenario import PLATE_TOP_M, BenchFixture
from cablecell.core.geometry.scalar import Vec3
from cablecell.simulation.description import Shape
from cablecell.simulation.rigid import NO_ROTATION, Pose, from_rpy
from cablecell.simulation.scene import GrippedPlug, Scene, ScenePort, StaticBody

PORT = "fixture/port"
"""Name of the fixture's port, as a task would name it."""

_BLOCK_COLOR = (0.85, 0.85, 0.82, 1.0)
ROUND = "task_board/fixture/round"
"""Link of the shapes of a round port, which are one piece."""

_STAVES = 36
_LEAST_BLOCK_M = 1.0e-3
"""A lower gap between plate and port is left open."""


def with_fixture(scene: Scene, fixture: BenchFixture) -> Scene:
    """Return a scene with the fixture on its board: its port is the target, and its plug is in the gripper."""
    connector = fixture.connector
    # The port opens upwards: its z points down into the block.
    X_board_entrance = Pose((fixture.x_m, fixture.y_m, fixture.z_m), from_rpy(math.pi, 0.0, fixture.yaw_rad))
    X_WE = scene.board @ X_board_entrance
    X_WP = X_WE @ Pose((0.0, 0.0, connector.port.stop_depth_m), NO_ROTATION)
    port = ScenePort(PORT, connector, X_WE, X_WP)
    cable = scene.plug.cable if scene.plug is not None else "cable_0"
    plug = GrippedPlug(
        cable=cable,
        connector=connector,
        X_cable_tip=Pose((0.0, 0.0, 0.0), NO_ROTATION),
        offset_world=(0.0, 0.0, 0.0),
        q_world=NO_ROTATION,
        X_tcp_tip=straight_grasp(connector),
    )
    block = StaticBody("task_board/fixture", "task_board", X_WE, block_shapes(fixture), _visuals(fixture))
    return replace(scene, statics=(*scene.statics, block), ports={**scene.ports, PORT: port}, plug=plug, target=PORT)


def straight_grasp(connector: Connector) -> Pose:
    """Return `X_tcp_tip` of a plug held upright at the middle of its first grasp surface; the pads close along x."""
    surface = connector.grasp.surfaces[0]
    x, y, z = surface.centre_m
    if surface.axis == "x":
        return Pose((-x, -y, -z), NO_ROTATION)
    # The plug's y comes to lie along the tool's x.
    return Pose((-y, x, -z), from_rpy(0.0, 0.0, -0.5 * math.pi))


def block_shapes(fixture: BenchFixture) -> tuple[Shape, ...]:
    """Return the block under the port's walls, in the frame of the entrance; nothing where they reach the plate."""
    port = fixture.connector.port
    x, y = _footprint(fixture.connector)
    top, bottom = port.wall_end_m, fixture.z_m - PLATE_TOP_M
    # The floor that stops the plug may reach below the walls; it has a body of its own.
    if bottom - top < _LEAST_BLOCK_M:
        return ()
    centre: Vec3 = (0.5 * (x[0] + x[1]), 0.5 * (y[0] + y[1]), 0.5 * (top + bottom))
    size: Vec3 = (x[1] - x[0], y[1] - y[0], bottom - top)
    return (Shape("box", size, Pose(centre, NO_ROTATION), _BLOCK_COLOR, "task_board/fixture"),)


def wall_shapes(connector: Connector) -> tuple[Shape, ...]:
    """Return the walls of the port as boxes without their lead-ins, in the frame of the entrance."""
    port, found = connector.port, []
    r, g, b = port.color
    for wall in port.walls:
        (x0, x1), (y0, y1), rim = wall.x_m, wall.y_m, port.wall_rim_m(wall)
        centre = (0.5 * (x0 + x1), 0.5 * (y0 + y1), 0.5 * (rim + port.wall_end_m))
        size = (x1 - x0, y1 - y0, port.wall_end_m - rim)
        found.append(Shape("box", size, Pose(centre, NO_ROTATION), (r, g, b, 1.0), "task_board/fixture"))
    return tuple(found)


def _round_shapes(connector: Connector) -> list[Shape]:
    """Return what is seen of a round port: a collar round its bore, of staves, or its post."""
    fit, port = connector.round_fit, connector.port
    if fit is None:
        return []
    r, g, b = port.color
    color, depth = (r, g, b, 1.0), port.wall_end_m - fit.rim_depth_m
    z = fit.rim_depth_m + 0.5 * depth
    if fit.gender == "socket":
        size = (fit.pin_radius_m, fit.pin_radius_m, depth)
        return [Shape("cylinder", size, Pose((0.0, 0.0, z), NO_ROTATION), color, ROUND)]
    inner = fit.bore_radius_m
    outer = min(abs(value) for value in (*port.floor_x_m, *port.floor_y_m))
    width, middle = 2.0 * outer * math.tan(math.pi / _STAVES), 0.5 * (inner + outer)
    staves = []
    for k in range(_STAVES):
        turn = 2.0 * math.pi * k / _STAVES
        X = Pose((middle * math.cos(turn), middle * math.sin(turn), z), from_rpy(0.0, 0.0, turn))
        staves.append(Shape("box", (outer - inner, width, depth), X, color, ROUND))
    return staves


def _visuals(fixture: BenchFixture) -> tuple[Shape, ...]:
    return (*block_shapes(fixture), *wall_shapes(fixture.connector), *_round_shapes(fixture.connector))


def _footprint(connector: Connector) -> tuple[tuple[float, float], tuple[float, float]]:
    walls = connector.port.walls
    xs = [value for wall in walls for value in wall.x_m] + list(connector.port.floor_x_m)
    ys = [value for wall in walls for value in wall.y_m] + list(connector.port.floor_y_m)
    return (min(xs), max(xs)), (min(ys), max(ys))
