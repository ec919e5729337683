"""Figures of the physics page: what was measured, over the closed forms, as small SVG files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cablecell.evaluation.closed_forms import (
    ContactForces,
    inside_m,
    jam_force_n,
    lead_in_forces,
    one_point_forces,
    two_point_forces,
)
from cablecell.simulation.contact_rig import ContactRig, RigSetup, Shape

COLOURS: dict[Shape, str] = {"box": "#1b6ca8", "pin": "#c8553d", "socket": "#3a7d44"}
BASE = RigSetup(
    half_width_m=3.0e-3,
    lead_in_m=1.2e-3,
    friction=0.25,
    stiffness_n_per_m=15.0e3,
    stiffness_nm_per_rad=25.0,
    support_m=28.0e-3,
    edge_radius_m=5.0e-5,
    hole_m=12.0e-3,
)
WEDGED = replace(BASE, clearance_m=2.0e-5, tilt_rad=-0.006, offset_m=0.3e-3)
CLEARANCES_M = (2.0e-4, 1.0e-4, 5.0e-5, 2.0e-5, 1.0e-5)
_POINTS = 120


def _rows(setup: RigSetup, speed: float = 0.008) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rig = ContactRig(setup)
    try:
        rows = rig.lower(speed, (setup.lead_in_m + setup.hole_m - setup.start_m) / speed)
    finally:
        rig.close()
    keep = slice(None, None, max(1, len(rows.depth_m) // _POINTS))
    return rows.depth_m[keep], np.abs(rows.lateral_n[keep]), rows.axial_n[keep]


def force_depth(folder: Path) -> str:
    """Draw force over depth for all shapes at 20 µm, with the closed forms; return the file's name."""
    figure, axes = plt.subplots(2, 3, figsize=(9.0, 4.6), sharex=True, sharey="row", layout="constrained")
    laws: tuple[tuple[str, Callable[[RigSetup, np.ndarray], ContactForces]], ...] = (
        ("lead-in", lead_in_forces),
        ("one place", one_point_forces),
        ("two places", two_point_forces),
    )
    for column, shape in enumerate(COLOURS):
        setup = replace(WEDGED, shape=shape)
        depth, lateral, axial = _rows(setup)
        for row, values in ((0, lateral), (1, axial)):
            axis: Axes = axes[row, column]
            axis.plot(depth * 1e3, values, color=COLOURS[shape], linewidth=1.6, label="simulated")
            for name, law in laws:
                stated = law(setup, depth)
                there = stated.is_valid
                force = stated.lateral_n if row == 0 else stated.axial_n
                axis.plot(depth[there] * 1e3, force[there], "k.", markersize=2.5, label=name)
            axis.grid(alpha=0.25)
        axes[0, column].set_title(f"{shape}, 20 µm")
        axes[1, column].set_xlabel("depth of the tip, mm")
    axes[0, 0].set_ylabel("across, N")
    axes[1, 0].set_ylabel("against insertion, N")
    axes[0, 0].set_ylim(bottom=0.0)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    axes[0, 0].legend([handles[0], handles[1]], [labels[0], "closed form"], fontsize=7)
    return _save(figure, folder / "physics_force_depth.svg")


def jamming(folder: Path) -> str:
    """Draw the force that moves a jammed plug over the closed form; return the file's name."""
    figure, axis = plt.subplots(figsize=(4.4, 3.6), layout="constrained")
    top = 0.0
    for shape, colour in COLOURS.items():
        for friction, marker in ((0.15, "o"), (0.3, "s"), (0.5, "^")):
            expected, found = [], []
            for inside, moment in ((4.0e-3, 0.03), (5.0e-3, 0.06), (8.0e-3, 0.05), (6.0e-3, 0.08)):
                setup = replace(BASE, shape=shape, friction=friction, offset_m=0.0)
                depth = setup.lead_in_m + inside
                expected.append(jam_force_n(setup, depth, moment))
                rig = ContactRig(replace(setup, start_m=depth))
                try:
                    found.append(rig.slip_force_n((0.0, moment, 0.0), most_n=1.5 * expected[-1]))
                finally:
                    rig.close()
            label = f"{shape}, µ {friction}"
            axis.plot(expected, found, marker, color=colour, markersize=4, fillstyle="none", label=label)
            top = max(top, *expected)
    line = np.array([0.0, 1.1 * top])
    axis.plot(line, line, "k-", linewidth=0.8)
    axis.fill_between(line, 0.85 * line, 1.15 * line, color="0.85", zorder=0, label="within 15 %")
    axis.set_xlabel("2 µ M / l, N")
    axis.set_ylabel("force that moves it, N")
    axis.legend(fontsize=6)
    return _save(figure, folder / "physics_jamming.svg")


def clearances(folder: Path) -> str:
    """Draw what is left of the wedging force's error as the plug fits ever tighter; return the file's name."""
    figure, axes = plt.subplots(1, 2, figsize=(8.0, 3.2), layout="constrained")
    for shape, colour in COLOURS.items():
        errors = []
        for clearance_m in CLEARANCES_M:
            setup = replace(WEDGED, shape=shape, clearance_m=clearance_m, tilt_rad=-0.006 - 80.0 * clearance_m)
            depth, lateral, axial = _rows(setup)
            stated = two_point_forces(setup, depth)
            there = stated.is_valid
            if there.sum() < 3:
                errors.append(np.nan)
                continue
            size = np.sqrt(np.mean(stated.lateral_n[there] ** 2 + stated.axial_n[there] ** 2))
            wrong = (lateral - stated.lateral_n)[there] ** 2 + (axial - stated.axial_n)[there] ** 2
            errors.append(100.0 * float(np.sqrt(np.mean(wrong))) / float(size))
        axes[0].semilogx(np.array(CLEARANCES_M) * 1e6, errors, "o-", color=colour, markersize=4, label=shape)
    axes[0].set_xlabel("clearance per side, µm")
    axes[0].set_ylabel("error of the two-place force, %")
    axes[0].set_ylim(bottom=0.0)
    axes[0].legend(fontsize=7)
    for clearance_m in (5.0e-5, 2.0e-5):
        setup = replace(WEDGED, shape="pin", clearance_m=clearance_m)
        rig = ContactRig(setup)
        tilts, depths = [], []
        try:
            for _ in range(120):
                rig.lower(0.008, (setup.lead_in_m + setup.hole_m - setup.start_m) / 0.008 / 120)
                tip = rig.tip()
                depths.append(float(inside_m(setup, np.array(tip.p[2]))))
                tilts.append(-2.0e3 * tip.q[1])
        finally:
            rig.close()
        inside = np.array(depths)
        (line,) = axes[1].plot(inside * 1e3, tilts, linewidth=1.5, label=f"pin, {clearance_m * 1e6:.0f} µm")
        bound = inside > 2.0e-3
        limit = 2.0e3 * clearance_m / inside[bound]
        axes[1].plot(inside[bound] * 1e3, limit, "--", color=line.get_color(), linewidth=0.8)
    axes[1].set_ylim(0.0, 9.0)
    axes[1].set_xlim(0.0, 12.0)
    axes[1].set_xlabel("depth in the hole, mm")
    axes[1].set_ylabel("tilt, mrad; dashed: 2c/l")
    axes[1].legend(fontsize=7)
    for axis in axes:
        axis.grid(alpha=0.25)
    return _save(figure, folder / "physics_clearance.svg")


def _save(figure: Figure, path: Path) -> str:
    with matplotlib.rc_context({"svg.hashsalt": "cablecell", "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None, "Creator": None})
    plt.close(figure)
    return path.name
