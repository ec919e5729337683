"""Sections through a connector as polygons: what a drawing of it shows.

A section along z has the points (z, u), where u is x or y of the port's entrance frame; a face has the points (x, y).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.connector import Connector, PlugPart, Port, RoundFit, Wall

Points = NDArray[np.float64]
Role = Literal["port", "floor", "plug", "behind", "void"]

_LEVELS = 24
"""Steps in which a lead-in that does not lie in the plane is followed."""
_CIRCLE = 96


@dataclass(frozen=True)
class Outline:
    """One closed polygon, drawn over those before it.

    Attributes:
        name: Wall or part.
        role: What it is; "void" is a hole in what was drawn before, "behind" a part of the plug that is not cut.
        points: Corners, shape (n, 2), m.
        rgb: Colour, 0 to 1.
    """

    name: str
    role: Role
    points: Points
    rgb: tuple[float, float, float]


def plane_of(connector: Connector, axis: int) -> float:
    """Return where to cut across an axis (0 for x, 1 for y): its zero, or a mating part beside it, m."""
    spans = [part.span_m(axis) for part in connector.plug.parts if part.mates]
    if not spans or any(low < 0.0 < high for low, high in spans):
        return 0.0
    return max(0.5 * (low + high) for low, high in spans)


def section(connector: Connector, axis: int, plane_m: float, depth_m: float) -> list[Outline]:
    """Return the section along z.

    Args:
        connector: The connector.
        axis: The other axis that is seen: 0 for x, 1 for y.
        plane_m: Where the plane is on the axis that is not seen, m.
        depth_m: Depth of the plug's tip below the entrance, m.
    """
    port, color = connector.port, _rgb(connector.port.color)
    found = [
        Outline(wall.name, "port", points, color)
        for wall in port.walls
        if (points := _wall_section(wall, port, axis, plane_m)) is not None
    ]
    found.append(Outline("floor", "floor", _floor_section(port, axis), color))
    for part in connector.plug.parts:
        low, high = part.span_m(1 - axis)
        (z0, z1), (u0, u1) = part.span_m(2), part.span_m(axis)
        role: Role = "plug" if low <= plane_m <= high else "behind"
        found.append(Outline(part.name, role, _box(z0 + depth_m, z1 + depth_m, u0, u1), _rgb(part.color)))
    if connector.round_fit is not None:
        found += _round_section(connector, connector.round_fit, axis, depth_m)
    return found


def face(connector: Connector, cut_m: float, depth_m: float) -> list[Outline]:
    """Return the section across z.

    Args:
        connector: The connector.
        cut_m: Depth of the plane below the entrance, m.
        depth_m: Depth of the plug's tip below the entrance, m.
    """
    port, fit = connector.port, connector.round_fit
    found = []
    for wall in port.walls:
        below = cut_m - port.wall_rim_m(wall)
        if below >= 0.0:
            (x0, x1), (y0, y1) = wall.section_m(below)
            found.append(Outline(wall.name, "port", _box(x0, x1, y0, y1), _rgb(port.color)))
    for part in connector.plug.parts:
        z0, z1 = part.span_m(2)
        role: Role = "plug" if z0 + depth_m <= cut_m <= z1 + depth_m else "behind"
        (x0, x1), (y0, y1) = part.span_m(0), part.span_m(1)
        found.append(Outline(part.name, role, _box(x0, x1, y0, y1), _rgb(part.color)))
    if fit is not None:
        found += _round_face(connector, fit, cut_m, depth_m)
    return found


def cut_of(connector: Connector) -> float:
    """Return a depth at which all walls have their final section, halfway from there to the stop, m."""
    port = connector.port
    ends = [port.wall_rim_m(wall) + lead.height_m for wall in port.walls for lead in wall.lead_in]
    ends += [port.wall_rim_m(wall) for wall in port.walls]
    if connector.round_fit is not None:
        ends.append(port.rim_depth_m + connector.round_fit.lead_in_m)
    return 0.5 * (max(ends, default=port.rim_depth_m) + port.stop_depth_m)


def _wall_section(wall: Wall, port: Port, axis: int, plane_m: float) -> Points | None:
    rim = port.wall_rim_m(wall)
    length = port.wall_end_m - rim
    bends = {0.0, length, *(lead.height_m for lead in wall.lead_in)}
    if wall.taper is not None:
        bends.add(min(wall.taper.depth_m, length))
    highest = max((lead.height_m for lead in wall.lead_in), default=0.0)
    depths = sorted(bends | {highest * i / _LEVELS for i in range(1, _LEVELS)})
    first, second = [], []
    for depth in depths:
        spans = wall.section_m(depth)
        if spans[1 - axis][0] <= plane_m <= spans[1 - axis][1]:
            first.append((rim + depth, spans[axis][0]))
            second.append((rim + depth, spans[axis][1]))
    return np.array([*first, *reversed(second)]) if len(first) > 1 else None


def _floor_section(port: Port, axis: int) -> Points:
    u0, u1 = (port.floor_x_m, port.floor_y_m)[axis]
    thickness = max(port.wall_end_m - port.stop_depth_m, 0.06 * (port.stop_depth_m - port.rim_depth_m))
    return _box(port.stop_depth_m, port.stop_depth_m + thickness, u0, u1)


def _round_section(connector: Connector, fit: RoundFit, axis: int, depth_m: float) -> list[Outline]:
    port = connector.port
    steel, body = _rgb(port.color), _rgb(connector.plug.parts[0].color)
    pin, bore, rim = fit.pin_radius_m, fit.bore_radius_m, port.rim_depth_m
    chamfer, cone, end = fit.tip_chamfer_m, fit.lead_in_m, fit.lead_in_m + fit.engagement_m
    if fit.gender == "pin":
        back = depth_m - pin_length_m(connector)
        limits = (port.floor_x_m, port.floor_y_m)[axis]
        sides = [_bore_side(rim, 1.0, bore, cone, end, limit) for limit in limits]
        pin_points = _pin(depth_m, back, pin, chamfer)
        return [
            *(Outline("bore", "port", points, steel) for points in sides),
            Outline("pin", "plug", pin_points, body),
        ]
    outside = max(max(abs(v) for v in part.span_m(axis)) for part in _skirt(connector))
    sleeve = [_bore_side(depth_m, -1.0, bore, cone, end, side * outside) for side in (-1.0, 1.0)]
    return [
        Outline("post", "port", _pin(rim, port.stop_depth_m, pin, chamfer), steel),
        *(Outline("sleeve", "plug", points, body) for points in sleeve),
    ]


def pin_length_m(connector: Connector) -> float:
    """Return how long the pin of a round plug is, back to the first part that is wider, or how deep its bore is, m."""
    fit = connector.round_fit
    if fit is not None and fit.gender == "socket":
        return fit.lead_in_m + fit.engagement_m
    radius = fit.pin_radius_m if fit is not None else 0.0
    wider = [-part.front_m for part in connector.plug.parts if _reach(part) > radius]
    return min(wider, default=max(-part.span_m(2)[0] for part in connector.plug.parts))


def _pin(tip: float, back: float, radius: float, chamfer: float) -> Points:
    inward = math.copysign(chamfer, back - tip)
    return np.array(
        [
            (back, -radius),
            (tip + inward, -radius),
            (tip, chamfer - radius),
            (tip, radius - chamfer),
            (tip + inward, radius),
            (back, radius),
        ]
    )


def _bore_side(mouth: float, sense: float, bore: float, cone: float, end: float, outside: float) -> Points:
    """Return one half of what has the bore; `sense` is +1 where the bore goes along +z from its mouth."""
    side = math.copysign(1.0, outside)
    wide = max(abs(outside), bore + cone)
    return np.array(
        [
            (mouth, side * (bore + cone)),
            (mouth + sense * cone, side * bore),
            (mouth + sense * end, side * bore),
            (mouth + sense * end, side * wide),
            (mouth, side * wide),
        ]
    )


def _round_face(connector: Connector, fit: RoundFit, cut_m: float, depth_m: float) -> list[Outline]:
    port = connector.port
    steel, body = _rgb(port.color), _rgb(connector.plug.parts[0].color)
    into = cut_m - port.rim_depth_m
    if fit.gender == "pin":
        below = depth_m - cut_m
        (x0, x1), (y0, y1) = port.floor_x_m, port.floor_y_m
        pin = fit.pin_radius_m - max(0.0, fit.tip_chamfer_m - below)
        return [
            Outline("block", "port", _box(x0, x1, y0, y1), steel),
            Outline("bore", "void", _disc(fit.bore_radius_m + max(0.0, fit.lead_in_m - into)), steel),
            Outline("pin", "plug" if below >= 0.0 else "behind", _disc(pin), body),
        ]
    outside = max(_reach_along(part) for part in _skirt(connector))
    bore = fit.bore_radius_m + max(0.0, fit.lead_in_m - (depth_m - cut_m))
    post = fit.pin_radius_m - max(0.0, fit.tip_chamfer_m - into)
    sleeve = [Outline("sleeve", "plug", _disc(outside), body), Outline("bore", "void", _disc(bore), body)]
    return [*(sleeve if depth_m >= cut_m else []), Outline("post", "port", _disc(post), steel)]


def _skirt(connector: Connector) -> list[PlugPart]:
    """Return the parts that stand on the floor."""
    foremost = max(part.front_m for part in connector.plug.parts)
    return [part for part in connector.plug.parts if part.front_m > foremost - 1.0e-6]


def _reach(part: PlugPart) -> float:
    return math.hypot(*(max(abs(value) for value in part.span_m(i)) for i in (0, 1)))


def _reach_along(part: PlugPart) -> float:
    return max(abs(value) for i in (0, 1) for value in part.span_m(i))


def _disc(radius: float) -> Points:
    angle = 2.0 * np.pi * np.arange(_CIRCLE) / _CIRCLE
    return np.stack((radius * np.cos(angle), radius * np.sin(angle)), axis=1)


def _box(a0: float, a1: float, b0: float, b1: float) -> Points:
    return np.array([(a0, b0), (a1, b0), (a1, b1), (a0, b1)])


def _rgb(color: list[float]) -> tuple[float, float, float]:
    return color[0], color[1], color[2]
