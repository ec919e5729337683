"""The numbers of a connector that a process engineer asks for: sizes, latch curves, and rows of name and value."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.connector import Connector, Latch, ToothLatch
from cablecell.core.config.connector.fit import rooms_of
from cablecell.evaluation.connector_sections import pin_length_m

NdPoints = NDArray[np.float64]

_MM = 1.0e3


def facts_of(connector: Connector) -> list[tuple[str, str]]:
    """Return name and value of every number that the drawing does not show as a dimension; mm, N, g."""
    port, plug, forces, grasp = connector.port, connector.plug, connector.forces, connector.grasp
    rows = [
        ("clearance a side", clearance_of(connector)),
        ("friction", f"{connector.friction:g}"),
        ("stop", f"{port.stop_depth_m * _MM:.2f} ± {port.seat_tolerance_m * _MM:.2f} mm"),
        ("rim", f"{port.rim_depth_m * _MM:.3f} mm"),
        ("insertion", f"≤ {forces.insertion_max_n:g} N"),
        ("across", f"≤ {forces.lateral_max_n:g} N"),
        ("damage from", f"{forces.damage_n:g} N"),
        ("plug", plug.material),
        ("port", port.material),
        ("mass held", f"{plug.mass_kg * 1.0e3:.0f} g"),
        ("pads apart", f"{grasp.width_m * _MM:.2f} mm"),
        *(
            (
                f"hold {surface.name}",
                f"along {surface.axis}, {surface.width_m * _MM:.2f} mm, patch "
                f"{surface.size_m[0] * _MM:.1f} x {surface.size_m[1] * _MM:.1f} mm",
            )
            for surface in grasp.surfaces
        ),
        ("cable", f"{connector.cable.diameter_m * _MM:.2f} mm, {connector.cable.mass_kg_per_m * 1.0e3:.1f} g/m"),
        ("bending stiffness", f"{connector.cable.bending_stiffness_nm2:.1e} N·m²"),
        ("bend radius", f"≥ {connector.cable.min_bend_radius_m * _MM:.0f} mm"),
    ]
    return [*rows, *_latch_facts(connector.latch)]


def clearance_of(connector: Connector) -> str:
    """Return the clearance in words, mm."""
    x, y = connector.clearance.x_m * _MM, connector.clearance.y_m * _MM
    return f"{x:.3f} mm" if x == y else f"x {x:.3f}, y {y:.3f} mm"


def _latch_facts(latch: Latch | ToothLatch | None) -> list[tuple[str, str]]:
    if latch is None:
        return [("latch", "none")]
    rows = [("latch closes", f"{latch.engage_n:.1f} N"), ("latch holds", f"{latch.retention_n:.1f} N")]
    if latch.release_n is not None:
        rows.append(("latch opens where it is gripped", f"{latch.release_n:.1f} N"))
    if isinstance(latch, Latch):
        return [
            *rows,
            (
                "latch travel",
                f"{latch.start_m * _MM:.2f} … {(latch.peak_m - latch.snap_m) * _MM:.2f} mm before the stop",
            ),
        ]
    return [
        *rows,
        ("latch tooth", f"{latch.deflection_m * _MM:.2f} mm aside, {latch.stiffness_n_per_m * 1e-3:.1f} N/mm"),
    ]


def mating_span(connector: Connector, axis: int) -> tuple[float, float]:
    """Return from where to where what mates of the plug reaches along an axis (0 for x, 1 for y), m."""
    fit = connector.round_fit
    if fit is not None:
        radius = fit.pin_radius_m if fit.gender == "pin" else fit.bore_radius_m
        return -radius, radius
    spans = [part.span_m(axis) for part in connector.plug.parts if part.mates]
    return min(low for low, _ in spans), max(high for _, high in spans)


def entering_span(connector: Connector) -> tuple[float, float]:
    """Return from where to where along z the plug is slender enough to enter, in its tip's frame, m."""
    if connector.round_fit is not None:
        return -pin_length_m(connector), 0.0
    back = min(part.span_m(2)[0] for part in connector.plug.parts if part.mates)
    return back, max(part.front_m for part in connector.plug.parts)


def opening_span(connector: Connector, axis: int) -> tuple[float, float] | None:
    """Return the port around what mates along an axis, m: its bore or post, or the faces of the outermost walls.

    Returns:
        Nothing where the port is open on a side.
    """
    fit = connector.round_fit
    if fit is not None:
        radius = fit.bore_radius_m if fit.gender == "pin" else fit.pin_radius_m
        return -radius, radius
    parts = [part for part in connector.plug.parts if part.mates]
    lowest = min(parts, key=lambda part: part.span_m(axis)[0])
    highest = max(parts, key=lambda part: part.span_m(axis)[1])
    below, above = rooms_of([lowest], connector.port, axis)[0], rooms_of([highest], connector.port, axis)[1]
    if not (below.wall and above.wall):
        return None
    return lowest.span_m(axis)[0] - below.distance_m, highest.span_m(axis)[1] + above.distance_m


def latch_curves(latch: Latch | ToothLatch) -> tuple[NdPoints, NdPoints]:
    """Return force over distance to the stop when pushing and when pulling, each shape (n, 2), m and N."""
    if isinstance(latch, Latch):
        closed = latch.peak_m - latch.snap_m
        push = [(latch.start_m, 0.0), (latch.peak_m, latch.engage_n), (closed, 0.0), (0.0, 0.0)]
        end = latch.play_m + latch.retention_n / latch.retention_stiffness_n_per_m
        pull = [(0.0, 0.0), (latch.play_m, 0.0), (end, latch.retention_n), (end, 0.0)]
        return np.array(push), np.array(pull)
    # The closed tooth lies at the foot of its back; its crest is where that begins.
    crest = latch.deflection_m / np.tan(latch.back_angle_rad)
    start = crest + latch.deflection_m / np.tan(latch.front_angle_rad)
    push = [(start, 0.0), (crest, latch.engage_n), (crest, 0.0), (0.0, 0.0)]
    return np.array(push), np.array([(0.0, 0.0), (crest, latch.retention_n), (crest, 0.0)])
