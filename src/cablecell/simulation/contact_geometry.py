"""Contact geometry of a connector: walls as convex hulls, the plug as boxes.

Rules, each of which was found by measuring: a wall with its lead-in is one hull, because edges between pieces catch the
plug; walls may overlap; the plug is made of boxes whose margin is the radius of its edges.
"""

from __future__ import annotations

from cablecell.core.config.connector import Plug, Port, Wall
from cablecell.core.geometry.scalar import Vec3, subtract


def wall_vertices(wall: Wall, port: Port) -> list[Vec3]:
    """Return the corners of a wall's hull in the port's entrance frame, m.

    Its sides stand back linearly between the depths where a lead-in or a taper ends, and the more the nearer to the
    rim, so the hull of the sections at these depths is the exact wall.
    """
    rim = port.wall_rim_m(wall)
    bends = {0.0, port.wall_end_m - rim, *(lead.height_m for lead in wall.lead_in)}
    if wall.taper is not None:
        bends.add(wall.taper.depth_m)
    corners: list[Vec3] = []
    for depth in sorted(bends):
        xs, ys = wall.section_m(depth)
        corners += [(x, y, rim + depth) for x in xs for y in ys]
    return corners


def floor_box(port: Port) -> tuple[Vec3, Vec3]:
    """Return centre and half extents of the floor that stops the plug, in the port's entrance frame, m."""
    (x0, x1), (y0, y1) = port.floor_x_m, port.floor_y_m
    half_thickness = 1.5e-3
    return (
        ((x0 + x1) / 2, (y0 + y1) / 2, port.stop_depth_m + half_thickness),
        ((x1 - x0) / 2, (y1 - y0) / 2, half_thickness),
    )


def plug_boxes(plug: Plug) -> list[tuple[Vec3, Vec3]]:
    """Return centre and half extents of the plug's boxes, relative to its centre of mass, m."""
    com: Vec3 = (plug.com_m[0], plug.com_m[1], plug.com_m[2])
    boxes = []
    for part in plug.parts:
        (cx, cy, cz), (sx, sy, sz) = part.centre_m, part.size_m
        boxes.append((subtract((cx, cy, cz), com), (sx / 2, sy / 2, sz / 2)))
    return boxes
