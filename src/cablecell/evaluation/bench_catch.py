"""Benchmark `catch`: does a rim catch plugs that come in off-centre, tilted and turned?

A plug on a spring is pushed straight into its port, from random 3-D starts within what the lead-in can take, at the
connector's own clearance and at tighter ones. A catch is an axial force over 60 N while the tip is within 0.1 mm of a
rim, or of the end of its lead-in. Real parts do not do that; contact engines do, where an edge lies hidden between two
pieces of a wall.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from cablecell.configuration import load_connector, load_connectors
from cablecell.core.config.connector import Connector
from cablecell.simulation.plug_rig import PlugRig, Support, joined

Row = dict[str, Any]

TIGHTER_M = (1.0e-4, 5.0e-5, 2.0e-5)
CATCH_N, NEAR_RIM_M = 60.0, 1.0e-4
STIFFNESS_N_PER_M, STIFFNESS_NM_PER_RAD = 10.0e3, 5.0
"""Of arm and grasp together: stiffer, a lead-in that turns a plug straight rightly pushes with 60 N."""
SPEED_M_PER_S, ABOVE_M, BEYOND_M = 0.02, 0.5e-3, 8.0e-3
"""The support goes on until the spring of a plug that is stopped at the rim would push with 80 N."""
TILT_RAD = 0.0105
CAPTURE_SHARE = 0.8
"""Largest offset of a start, of what the lead-in can take: a plug that misses the lead-in rightly stands on the rim."""


def run(*, n: int, seed: int, workers: int, connector: Path | None = None) -> tuple[list[Row], dict[str, float]]:
    """Push plugs of every catalogue connector into their ports, `n` at its own and at each tighter clearance.

    Args:
        n: Starts per connector and clearance.
        seed: Of the starts.
        workers: Processes.
        connector: File of one connector instead of the catalogue.

    Returns:
        A row per start, and `starts`, `catches`, `passed_rate` (of those that went in by 1 mm below the lead-in),
        `rim_force_max_n`, and the same by connector.
    """
    chosen = load_connectors() if connector is None else {"connector": load_connector(connector)}
    jobs = []
    for index, data in enumerate(chosen.values()):
        for clearance_m in (None, *TIGHTER_M):
            if clearance_m is not None and clearance_m >= min(data.clearance.x_m, data.clearance.y_m):
                continue
            jobs += [(data, clearance_m, (seed, index, round((clearance_m or 0.0) * 1e6), i)) for i in range(n)]
    if workers > 1:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            rows = list(pool.map(push, jobs))
    else:
        rows = [push(job) for job in jobs]
    summary: dict[str, float] = {}
    for name in [data.name for data in chosen.values()]:
        summary |= {
            f"{name}_{key}": value for key, value in _sum_up([r for r in rows if r["connector"] == name]).items()
        }
    return rows, _sum_up(rows) | summary


def _sum_up(rows: list[Row]) -> dict[str, float]:
    return {
        "starts": float(len(rows)),
        "catches": float(sum(row["is_catch"] for row in rows)),
        "passed_rate": float(np.mean([row["passed"] for row in rows])),
        "rim_force_max_n": max(row["rim_force_n"] for row in rows),
    }


def capture_m(connector: Connector) -> float:
    """Return the largest offset that the lead-in leads in, m."""
    slack = min(connector.clearance.x_m, connector.clearance.y_m)
    fit = connector.round_fit
    if fit is not None:
        return fit.lead_in_m + fit.tip_chamfer_m + slack
    heights = [lead.height_m for wall in connector.port.walls for lead in wall.lead_in]
    return min(heights, default=0.0) + slack


def push(job: tuple[Connector, float | None, tuple[int, ...]]) -> Row:
    """Push one plug in and return what happened.

    Args:
        job: The connector; a clearance for it, m, or None for its own; seed of the start.
    """
    connector, clearance_m, seed = job
    rng = np.random.default_rng(seed)
    if clearance_m is not None:
        connector = connector.with_clearance(clearance_m)
    port, fit = connector.port, connector.round_fit
    distance = CAPTURE_SHARE * capture_m(connector) * float(np.sqrt(rng.uniform()))
    around = float(rng.uniform(0.0, 2.0 * np.pi))
    turn = rng.uniform(-TILT_RAD, TILT_RAD, 3)
    tip = (distance * np.cos(around), distance * np.sin(around), port.rim_depth_m - ABOVE_M)
    turned = (float(turn[0]), float(turn[1]), float(turn[2]))
    support = Support(tip, turned, STIFFNESS_N_PER_M, STIFFNESS_NM_PER_RAD)
    rig = PlugRig(connector, support, has_latch=False)
    edges = {port.rim_depth_m}
    if fit is not None:
        edges.add(fit.rim_depth_m + fit.lead_in_m)
    for wall in port.walls:
        edges |= {port.wall_rim_m(wall), *(port.wall_rim_m(wall) + lead.height_m for lead in wall.lead_in)}
    below = min(max(edges) + 1.0e-3, port.stop_depth_m - 0.2e-3)
    try:
        # A plug that goes in is led to its stop at most; one that is caught is pushed on.
        way = ABOVE_M + min(max(edges) - port.rim_depth_m + 1.5e-3, port.stop_depth_m - port.rim_depth_m)
        rows = rig.lower(SPEED_M_PER_S, way / SPEED_M_PER_S, every_steps=1)
        if rows.depth_m[-1] < below:
            more = rig.lower(SPEED_M_PER_S, BEYOND_M / SPEED_M_PER_S, every_steps=1)
            rows = joined(rows, more)
    finally:
        rig.close()
    near = np.min([np.abs(rows.depth_m - edge) for edge in edges], axis=0) < NEAR_RIM_M
    at_rim = float(np.abs(rows.axial_n[near]).max(initial=0.0))
    return {
        "connector": connector.name,
        "clearance_m": min(connector.clearance.x_m, connector.clearance.y_m),
        "offset_m": distance,
        "tilt_rad": float(np.hypot(turn[0], turn[1])),
        "rim_force_n": at_rim,
        "force_max_n": float(np.abs(rows.axial_n).max()),
        "depth_m": float(rows.depth_m[-1]),
        "passed": bool(rows.depth_m[-1] >= below),
        "is_catch": at_rim > CATCH_N,
    }
