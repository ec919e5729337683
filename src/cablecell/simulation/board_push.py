"""Somebody knocks against the task board: it and all that is on it move, and what is plugged in or held is pushed."""

from __future__ import annotations

from dataclasses import replace

import pybullet as p

from cablecell.core.geometry.scalar import Vec3, quat_from_rotvec
from cablecell.simulation.rigid import Pose
from cablecell.simulation.scene import Scene
from cablecell.simulation.world import World

BOARD = "task_board"


def push_board(world: World, shift_m: Vec3, turn_rad: Vec3) -> None:
    """Move the board by a small step, in its own axes; a long way is many of them, with physics between.

    Args:
        world: Where it stands.
        shift_m: Shift.
        turn_rad: Rotation vector.
    """
    # The board's own pose is not got from `step`: with the inverse in it an error of rounding would cube every time.
    board = world.scene.board @ Pose(shift_m, quat_from_rotvec(turn_rad))
    step = board @ world.scene.board.inverse()
    client = world.client
    bodies = [body for body, static in world.statics.items() if static.entity == BOARD]
    bodies += [body for parts in world.ports.values() for body in parts]
    for body in bodies:
        placed = step @ Pose(*p.getBasePositionAndOrientation(body, physicsClientId=client))
        p.resetBasePositionAndOrientation(body, placed.p, placed.q, physicsClientId=client)
    world.scene = replace(_moved(world.scene, step), board=board)
    world.statics = {
        body: replace(static, X_WB=step @ static.X_WB) if static.entity == BOARD else static
        for body, static in world.statics.items()
    }
    world.port_forces.place(world.scene)
    if world.port_mount is not None:
        world.port_mount.carry(step)


def _moved(scene: Scene, step: Pose) -> Scene:
    ports = {name: replace(port, X_WE=step @ port.X_WE, X_WP=step @ port.X_WP) for name, port in scene.ports.items()}
    statics = tuple(
        replace(static, X_WB=step @ static.X_WB) if static.entity == BOARD else static for static in scene.statics
    )
    frames = {name: step @ X for name, X in scene.frames.items()}
    return replace(scene, ports=ports, statics=statics, frames=frames)
