"""Whether plug, port and pads of a connector go together: checks across the groups of its file.

Everything is looked at where it ends, with the plug at its stop: the section of a wall only grows with depth, so what
fits there has fitted on the way.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from cablecell.core.config.connector.grasp import GraspSurface
from cablecell.core.config.connector.plug import TIP_TOLERANCE_M, Plug, PlugPart
from cablecell.core.config.connector.port import Port, Wall
from cablecell.core.config.connector.round_fit import RoundFit

PAD_THICKNESS_M = 6.0e-3
"""Thickness of a finger beside the plug; that of the gripper the cell has."""
CLEARANCE_TOLERANCE_M = 1.0e-5
"""How far a stated clearance may be from what plug and walls leave."""
_FACE_TOLERANCE_M = 1.0e-4
_ROUNDING_M = 1.0e-9

_AXES = ("x", "y")


@dataclass(frozen=True)
class Room:
    """How far something may still be shifted to one side.

    Attributes:
        distance_m: Distance; negative where it overlaps.
        part: The part that comes first, or nothing.
        wall: The wall that it meets.
    """

    distance_m: float
    part: str = ""
    wall: str = ""


def require_rectangular_fit(plug: Plug, port: Port, clearance_m: tuple[float, float]) -> None:
    """Check that boxes and walls fit, with the stated clearance.

    Raises:
        ValueError: They do not; the message is one line with key, value and limit.
    """
    mating = [part for part in plug.parts if part.mates]
    if not mating:
        raise ValueError("plug.parts: none has mates = true, and there is no round_fit: nothing goes into the port")
    if not port.walls:
        raise ValueError("port.walls is empty, and there is no round_fit: nothing guides the plug")
    for axis, name in enumerate(_AXES):
        below, above = rooms_of(mating, port, axis)
        play = below.distance_m + above.distance_m
        if play < -_ROUNDING_M:
            tight = min(below, above, key=lambda room: room.distance_m)
            size = next(part.size_m[axis] for part in mating if part.name == tight.part)
            raise ValueError(
                f"plug.parts '{tight.part}': size along {name} = {size:.6f} m is {-play:.6f} m larger than the "
                f"port between walls '{below.wall}' and '{above.wall}'"
            )
        left = 0.5 * play
        if math.isfinite(left) and abs(left - clearance_m[axis]) > CLEARANCE_TOLERANCE_M:
            raise ValueError(
                f"clearance.{name}_m = {clearance_m[axis]:.6f} m must be what plug and walls leave, {left:.6f} m a side"
            )
        _require_the_rest_fits(plug, port, axis)


def middle_of_port(plug: Plug, port: Port) -> tuple[float, float]:
    """Return how far the middle of what mates is from the middle of its room in the port, along x and y, m."""
    offsets = []
    for axis in (0, 1):
        below, above = rooms_of([part for part in plug.parts if part.mates], port, axis)
        offset = 0.5 * (above.distance_m - below.distance_m)
        offsets.append(offset if math.isfinite(offset) else 0.0)
    return offsets[0], offsets[1]


def require_round_fit(fit: RoundFit, plug: Plug, port: Port, clearance_m: tuple[float, float]) -> None:
    """Check that the round fit and what stands around it go together.

    Raises:
        ValueError: They do not; the message is one line with key, value and limit.
    """
    for part in plug.parts:
        if part.mates:
            raise ValueError(f"plug.parts '{part.name}': mates = true, but round_fit is what mates: it must be false")
    if port.walls:
        raise ValueError(f"port.walls: '{port.walls[0].name}' is beside a round_fit, which has its own bore: remove it")
    if abs(fit.rim_depth_m - port.rim_depth_m) > _ROUNDING_M:
        raise ValueError(f"round_fit.rim_depth_m = {fit.rim_depth_m} m must be port.rim_depth_m = {port.rim_depth_m} m")
    for name, stated in zip(_AXES, clearance_m, strict=True):
        if abs(stated - fit.clearance_m) > 1.0e-7:
            raise ValueError(
                f"clearance.{name}_m = {stated:.7f} m must be bore_radius_m - pin_radius_m = {fit.clearance_m:.7f} m"
            )
    for part in plug.parts:
        below = port.stop_depth_m + part.front_m - port.rim_depth_m
        if below <= _ROUNDING_M:
            continue
        nearest, farthest = _radii(part)
        if fit.gender == "pin" and farthest > fit.pin_radius_m:
            raise ValueError(
                f"plug.parts '{part.name}' reaches {farthest:.6f} m from the axis and {below:.6f} m below the rim at "
                f"stop_depth_m = {port.stop_depth_m} m; pin_radius_m = {fit.pin_radius_m} m: the stop is out of reach"
            )
        if fit.gender == "socket" and nearest < fit.pin_radius_m:
            raise ValueError(
                f"plug.parts '{part.name}' is {nearest:.6f} m from the axis and {below:.6f} m below the post's end at "
                f"stop_depth_m = {port.stop_depth_m} m; pin_radius_m = {fit.pin_radius_m} m: the stop is out of reach"
            )


def require_a_stop(plug: Plug, port: Port) -> None:
    """Check that something of the plug's leading face comes to stand on the floor.

    Raises:
        ValueError: Nothing does.
    """
    for part in plug.parts:
        if part.front_m < -TIP_TOLERANCE_M:
            continue
        spans = zip((part.span_m(0), part.span_m(1)), (port.floor_x_m, port.floor_y_m), strict=True)
        if all(low < limits[1] and high > limits[0] for (low, high), limits in spans):
            return
    raise ValueError(
        f"port.floor_x_m = {port.floor_x_m}, floor_y_m = {port.floor_y_m} m: no part of the plug's leading face is "
        f"over this floor: the stop at {port.stop_depth_m} m is never reached"
    )


def require_surface_on_plug(surface: GraspSurface, plug: Plug, key: str) -> None:
    """Check that a pair of grasp surfaces are faces of the plug.

    Raises:
        ValueError: No part has such faces.
    """
    axis = _AXES.index(surface.axis)
    across = 1 - axis
    wanted = ((across, surface.size_m[0]), (2, surface.size_m[1]))
    for part in plug.parts:
        is_as_wide = abs(part.size_m[axis] - surface.width_m) <= _FACE_TOLERANCE_M
        is_there = abs(part.centre_m[axis] - surface.centre_m[axis]) <= _FACE_TOLERANCE_M
        is_inside = all(
            part.span_m(i)[0] - _ROUNDING_M <= surface.centre_m[i] - 0.5 * size
            and surface.centre_m[i] + 0.5 * size <= part.span_m(i)[1] + _ROUNDING_M
            for i, size in wanted
        )
        if is_as_wide and is_there and is_inside:
            return
    raise ValueError(
        f"{key} '{surface.name}': no part of the plug has faces {surface.width_m:.6f} m apart along {surface.axis} "
        f"that hold a patch of {surface.size_m[0]:.6f} x {surface.size_m[1]:.6f} m at {surface.centre_m}"
    )


def require_pads_outside(surface: GraspSurface, port: Port, fit: RoundFit | None, key: str) -> None:
    """Check that pads on a pair of surfaces do not meet the port before the plug is seated.

    Raises:
        ValueError: They do.
    """
    axis = _AXES.index(surface.axis)
    across = 1 - axis
    edge = port.stop_depth_m + surface.front_m
    faces = (surface.centre_m[axis] - 0.5 * surface.width_m, surface.centre_m[axis] + 0.5 * surface.width_m)
    pads = ((faces[0] - PAD_THICKNESS_M, faces[0]), (faces[1], faces[1] + PAD_THICKNESS_M))
    beside = (
        surface.centre_m[across] - 0.5 * surface.size_m[0],
        surface.centre_m[across] + 0.5 * surface.size_m[0],
    )
    solids = [(f"wall '{wall.name}'", port.wall_rim_m(wall), (wall.x_m, wall.y_m)) for wall in port.walls]
    if fit is not None and fit.gender == "pin":
        solids.append(("the bore", port.rim_depth_m, (port.floor_x_m, port.floor_y_m)))
    solids.append(("the floor", port.stop_depth_m, (port.floor_x_m, port.floor_y_m)))
    for name, rim, spans in solids:
        if edge <= rim + _ROUNDING_M:
            continue
        if any(_cross(pad, spans[axis]) for pad in pads) and _cross(beside, spans[across]):
            raise ValueError(
                f"{key} '{surface.name}': pads of {PAD_THICKNESS_M} m would stand {edge - rim:.6f} m below the rim of "
                f"{name} at stop_depth_m = {port.stop_depth_m} m: the fingers meet the port before the plug is seated"
            )


def _require_the_rest_fits(plug: Plug, port: Port, axis: int) -> None:
    below, above = rooms_of(plug.parts, port, axis)
    if below.distance_m + above.distance_m >= -_ROUNDING_M:
        return
    tight = min(below, above, key=lambda room: room.distance_m)
    part = next(part for part in plug.parts if part.name == tight.part)
    wall = next(wall for wall in port.walls if wall.name == tight.wall)
    deep = port.stop_depth_m + part.front_m - port.wall_rim_m(wall)
    raise ValueError(
        f"plug.parts '{part.name}' would be {deep:.6f} m below the rim inside wall '{wall.name}' at stop_depth_m = "
        f"{port.stop_depth_m} m: the plug cannot reach its stop"
    )


def rooms_of(parts: Iterable[PlugPart], port: Port, axis: int) -> tuple[Room, Room]:
    """Return how far parts may be shifted against and along an axis (0 for x, 1 for y) at the stop before a wall."""
    below, above = Room(math.inf), Room(math.inf)
    for part in parts:
        for wall in port.walls:
            spans = _section_beside(part, wall, port)
            if spans is None:
                continue
            gaps = [(part.span_m(i)[0] - spans[i][1], spans[i][0] - part.span_m(i)[1]) for i in (0, 1)]
            apart = [max(pair) for pair in gaps]
            # A wall is in the way along the axis on which it is farther away; diagonally it is in nobody's way.
            if min(apart) >= 0.0 or apart[axis] < apart[1 - axis]:
                continue
            down, up = gaps[axis]
            if down >= up and down < below.distance_m:
                below = Room(down, part.name, wall.name)
            elif up > down and up < above.distance_m:
                above = Room(up, part.name, wall.name)
    return below, above


def _section_beside(part: PlugPart, wall: Wall, port: Port) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Return the largest section of a wall at the depths a part is at when seated, or nothing when it is not beside."""
    rim = port.wall_rim_m(wall)
    back, front = (port.stop_depth_m + z for z in part.span_m(2))
    if front <= rim + _ROUNDING_M or back >= port.wall_end_m:
        return None
    return wall.section_m(min(front, port.wall_end_m) - rim)


def _radii(part: PlugPart) -> tuple[float, float]:
    """Return the smallest and the largest distance of a part from the axis, m."""
    nearest = [max(0.0, part.span_m(i)[0], -part.span_m(i)[1]) for i in (0, 1)]
    farthest = [max(abs(value) for value in part.span_m(i)) for i in (0, 1)]
    return math.hypot(*nearest), math.hypot(*farthest)


def _cross(a: Iterable[float], b: Iterable[float]) -> bool:
    (a0, a1), (b0, b1) = a, b
    return a0 < b1 - _ROUNDING_M and b0 < a1 - _ROUNDING_M
