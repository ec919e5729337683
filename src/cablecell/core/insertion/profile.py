"""What the skill needs to know of a connector; derived from connector data, never written into code."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cablecell.core.config.connector import Connector, PlugPart, RoundFit, Wall
from cablecell.core.config.insertion import InsertionSettings

_PROOF_SHARE = 0.6
"""Pull that proves a latch, at most, as a share of the pull that opens it."""

_PULL_MARGIN_M = 1.0e-3
"""Motion beyond grasp and latch play that a latched plug does not show under a pull: its latch gives way by less."""

_PULL_SHARE = 0.5
"""The same as a share of the way from the land to the stop, for plugs that go in by little."""

_MOUTH_M = 1.0e-4
"""Depth below the rim within which a wall still begins at the mouth."""


@dataclass(frozen=True)
class ConnectorProfile:
    """Geometry and limits of one plug and port pair, in the frame of the port entrance (z into the port).

    Attributes:
        name: Connector type.
        size_m: Plug section along x and y, m.
        clearance_m: Clearance per side along x and y, m.
        chamfer_m: Lead-in per side, plug and port together, m.
        depth_m: From the entrance plane to the seated tip, m.
        rim_m: Depth of the tip when the plug stands on the land around the opening, m.
        nose_m: By how much the tip leads the part of the plug that fits the opening, m: a ferrule, for instance.
        nose_play_m: How far the nose may be off the axis and still enter the opening, m.
        land_reach_m: How far off the axis along x and y the plug still stands on the part, m; infinite by default.
        seat_tolerance_m: By how much the seated depth may differ, m.
        friction: Coefficient between plug and port.
        latch_force_n: Push that closes the latch; 0 where there is none, N.
        latch_play_m: Axial play of the closed latch, m.
        latch_reach_m: Distance before the stop at which the latch begins to resist, m.
        latch_click_m: Distance before the stop at which it has closed, m.
        retention_force_n: Pull the closed latch holds; 0 where there is none, N.
        release_force_n: Pull of the gripper that opens it, N; None where something has to be pressed first.
        insertion_limit_n: Largest push a correct insertion needs, N.
        force_limit_n: Largest contact force the part stands, N.
    """

    name: str
    size_m: tuple[float, float]
    clearance_m: tuple[float, float]
    chamfer_m: float
    depth_m: float
    rim_m: float = 0.0
    nose_m: float = 0.0
    nose_play_m: float = 0.0
    land_reach_m: tuple[float, float] = (math.inf, math.inf)
    seat_tolerance_m: float = 0.0007
    friction: float = 0.3
    latch_force_n: float = 0.0
    latch_play_m: float = 0.0
    latch_reach_m: float = 0.0
    latch_click_m: float = 0.0
    retention_force_n: float = 0.0
    release_force_n: float | None = None
    insertion_limit_n: float = 25.0
    force_limit_n: float = 25.0

    @property
    def has_latch(self) -> bool:
        """True when a pull can prove the seat."""
        return self.latch_force_n > 0.0 and self.retention_force_n > 0.0

    @property
    def pull_margin_m(self) -> float:
        """Motion in a pull beyond grasp and latch play that a held plug does not show, m.

        A plug that goes in by little must not be far out before it is noticed.
        """
        return min(_PULL_MARGIN_M, _PULL_SHARE * (self.depth_m - self.rim_m))

    def proving_pull_n(self, settings: InsertionSettings) -> float:
        """Return the pull that proves the latch, N: a share of what it holds, well below what would open it."""
        pull = min(settings.pull_test_share * self.retention_force_n, settings.pull_test_limit_n)
        return pull if self.release_force_n is None else min(pull, _PROOF_SHARE * self.release_force_n)


def profile_from_connector(connector: Connector) -> ConnectorProfile:
    """Return the profile of a connector file."""
    shape = _shape(connector)
    latch, forces = connector.latch, connector.forces
    return ConnectorProfile(
        name=connector.name,
        size_m=shape.size_m,
        clearance_m=(connector.clearance.x_m, connector.clearance.y_m),
        chamfer_m=shape.chamfer_m,
        depth_m=connector.port.stop_depth_m,
        # The tip is the origin of the plug: what leads the mating part is already in the opening when that lands.
        rim_m=connector.port.rim_depth_m - shape.front_m,
        nose_m=shape.nose_m,
        nose_play_m=shape.nose_play_m,
        land_reach_m=shape.land_reach_m,
        seat_tolerance_m=connector.port.seat_tolerance_m,
        friction=connector.friction,
        latch_force_n=0.0 if latch is None else latch.engage_n,
        latch_play_m=0.0 if latch is None else latch.play_m,
        latch_reach_m=0.0 if latch is None else latch.reach_m,
        latch_click_m=0.0 if latch is None else latch.click_m,
        retention_force_n=0.0 if latch is None else latch.retention_n,
        release_force_n=None if latch is None else latch.release_n,
        insertion_limit_n=forces.insertion_max_n,
        force_limit_n=forces.damage_n,
    )


@dataclass(frozen=True)
class _Shape:
    """What goes into the port: section, lead-in, z of its front in the tip's frame, and what leads it."""

    size_m: tuple[float, float]
    chamfer_m: float
    front_m: float
    land_reach_m: tuple[float, float]
    nose_m: float = 0.0
    nose_play_m: float = 0.0


def _shape(connector: Connector) -> _Shape:
    fit = connector.round_fit
    return _rectangular_shape(connector) if fit is None else _round_shape(connector, fit)


def _round_shape(connector: Connector, fit: RoundFit) -> _Shape:
    # A socket lands on the post's end with its mouth: its lead-in and the post's chamfer add up as pin and bore do.
    diameter = 2.0 * fit.pin_radius_m
    if fit.gender == "pin":
        floor = (connector.port.floor_x_m, connector.port.floor_y_m)
        reach = [fit.pin_radius_m + min(abs(value) for value in span) for span in floor]
    else:
        # The widest part at the mouth is the outside of the socket.
        mouth = [part for part in connector.plug.parts if part.front_m > -fit.engagement_m]
        reach = [fit.pin_radius_m + _reach(mouth, axis, fit.bore_radius_m) for axis in (0, 1)]
    return _Shape(
        size_m=(diameter, diameter),
        chamfer_m=fit.lead_in_m + fit.tip_chamfer_m,
        front_m=0.0,
        land_reach_m=(reach[0], reach[1]),
    )


def _reach(parts: list[PlugPart], axis: int, least_m: float) -> float:
    """Return how far parts reach from the plug's axis, m."""
    return max((abs(value) for part in parts for value in part.span_m(axis)), default=least_m)


def _rectangular_shape(connector: Connector) -> _Shape:
    mating = [part for part in connector.plug.parts if part.mates]
    front = max(part.front_m for part in mating)
    leading = [part for part in connector.plug.parts if part.front_m > front + 1.0e-6]
    spans = [max(part.span_m(i)[1] for part in mating) - min(part.span_m(i)[0] for part in mating) for i in (0, 1)]
    port = connector.port
    # A tongue that stands back has a lead-in too, but what is caught at the mouth is caught by the walls that form it.
    mouth = [wall for wall in port.walls if port.wall_rim_m(wall) < port.rim_depth_m + _MOUTH_M]
    walls = [max(abs(value) for wall in mouth for value in span(wall)) for span in (_x_of, _y_of)]
    lead_ins = [lead_in.height_m for wall in mouth for lead_in in wall.lead_in]
    return _Shape(
        size_m=(spans[0], spans[1]),
        chamfer_m=min(lead_ins, default=0.0),
        front_m=front,
        land_reach_m=(0.5 * spans[0] + walls[0], 0.5 * spans[1] + walls[1]),
        nose_m=max((part.front_m - front for part in leading), default=0.0),
        nose_play_m=_nose_play(connector, leading, mating),
    )


def _x_of(wall: Wall) -> list[float]:
    return wall.x_m


def _y_of(wall: Wall) -> list[float]:
    return wall.y_m


def _nose_play(connector: Connector, leading: list[PlugPart], mating: list[PlugPart]) -> float:
    """Return the room of the leading parts in the openings of the mating parts they stand on, m."""
    clearance = (connector.clearance.x_m, connector.clearance.y_m)
    rooms = []
    for nose in leading:
        # The mating part behind the nose is the one whose axis is nearest.
        body = min(
            mating, key=lambda part: abs(part.centre_m[0] - nose.centre_m[0]) + abs(part.centre_m[1] - nose.centre_m[1])
        )
        for i in (0, 1):
            offset = abs(body.centre_m[i] - nose.centre_m[i])
            rooms.append(0.5 * (body.size_m[i] - nose.size_m[i]) - offset + clearance[i])
    return max(min(rooms, default=0.0), 0.0)
