"""Rods for tests."""

from __future__ import annotations

from scipy.spatial.transform import Rotation

from cablecell.core.cable.rod import Hold, Rod, RodEnd, RodProperties, RodSurroundings

G = 9.80665
EAST = Rotation.identity()


def end(position=(0.0, 0.0, 0.0), turn=EAST):
    """An end whose rod runs along +x of a frame that is turned."""
    direction, across = turn.apply([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    return RodEnd(tuple(map(float, position)), tuple(direction.tolist()), tuple(across.tolist()))


def down(angle_rad):
    """The turn of an end whose rod runs in the x-z plane, below the horizontal by an angle."""
    return Rotation.from_euler("y", angle_rad)


def make_rod(
    length_m=0.3,
    weight_n_per_m=0.3,
    ei=1.0e-3,
    near=None,
    far=None,
    hold=Hold.FREE,
    segments=40,
    ea=2.0e4,
    gj=None,
    radius_m=0.0,
    heading_rad=0.0,
    gravity=G,
    **surroundings,
):
    properties = RodProperties(length_m, weight_n_per_m / G, ei, ea, 0.75 * ei if gj is None else gj, radius_m)
    return Rod(
        properties,
        RodSurroundings(gravity_m_per_s2=gravity, **surroundings),
        near or end(),
        far,
        hold,
        segments,
        heading_rad,
    )
