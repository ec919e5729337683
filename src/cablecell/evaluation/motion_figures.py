"""Figures of the motion benchmarks: how times and uses of limits are spread, over all rows and none left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cablecell.evaluation.bench_page import Figure
from cablecell.evaluation.report_plots import AXIAL, DEPTH, INK, LIMIT, MUTED, STYLE, pyplot, to_svg

Array = NDArray[np.float64]
Rows = Sequence[Mapping[str, Any]]

_COLOURS = (AXIAL, DEPTH, "#b7791f", "#805ad5", INK, MUTED)
_DASHED = (0, (4, 3))


def draw(name: str, rows: Rows) -> list[Figure]:
    """Return the figures of a benchmark of motion: `ik`, `collision`, `timing` or `planning`."""
    return _DRAWERS[name](rows) if rows else []


def _ik(rows: Rows) -> list[Figure]:
    kinds = sorted({row["kind"] for row in rows})
    plt = pyplot()
    with plt.rc_context(STYLE):
        figure, (left, middle, right) = plt.subplots(1, 3, figsize=(9.6, 3.2), layout="constrained")
        for kind, colour in zip(kinds, _COLOURS, strict=False):
            _shares(left, [1e6 * row["solve_s"] for row in rows if row["kind"] == kind], kind, colour)
        left.axvline(20.0, color=LIMIT, linewidth=0.8, linestyle=_DASHED)
        left.set(xscale="log", xlabel="time of all branches [us]", ylabel="share of poses", ylim=(0.0, 1.02))
        left.legend(fontsize=7)
        counts = np.bincount([row["solutions"] for row in rows])
        middle.bar(np.arange(len(counts)), counts, color=AXIAL)
        middle.set(xlabel="solutions", ylabel="poses")
        residuals = np.maximum([row["residual"] for row in rows], 1e-17)
        right.hist(residuals, bins=np.logspace(-17.0, -8.0, 37), color=DEPTH)
        right.axvline(1e-9, color=LIMIT, linewidth=0.8, linestyle=_DASHED)
        right.set(xscale="log", xlabel="largest residual [m, rad]", ylabel="poses")
        return [Figure("Times, branches and residuals", to_svg(plt, figure)), _found("Poses found again", rows, kinds)]


def _collision(rows: Rows) -> list[Figure]:
    plt = pyplot()
    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.4), layout="constrained")
        for key, label, colour in zip(
            ("check_s", "compiled_s", "peer_s"), ("coal", "compiled", "pinocchio, pair by pair"), _COLOURS, strict=False
        ):
            for is_free, dashes in ((True, "solid"), (False, _DASHED)):
                times = [1e6 * row[key] for row in rows if row["free"] == is_free]
                _shares(left, times, label if is_free else "_", colour, dashes)
        left.set(
            xscale="log",
            xlabel="time of a check [us]; dashed: in collision",
            ylabel="share of checks",
            ylim=(0.0, 1.02),
        )
        left.legend(fontsize=8)
        for is_free, label, colour in ((True, "free", DEPTH), (False, "in collision", LIMIT)):
            distances = [1e3 * row["distance_m"] for row in rows if row["free"] == is_free]
            right.hist(distances, bins=np.linspace(-200.0, 200.0, 81), color=colour, alpha=0.8, label=label)
        right.axvline(0.0, color=MUTED, linewidth=0.8)
        right.set(xlabel="smallest distance of all pairs [mm]", ylabel="checks")
        right.legend(fontsize=8)
        return [Figure("Times, and answers against the distance another algorithm finds", to_svg(plt, figure))]


def _timing(rows: Rows) -> list[Figure]:
    plt = pyplot()
    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.4), layout="constrained")
        for kind, colour in (("joint", AXIAL), ("line", DEPTH)):
            _shares(left, [1e3 * row["time_s"] for row in rows if row["kind"] == kind], f"{kind} motions", colour)
        peer = [1e3 * row["peer_s"] for row in rows if row["kind"] == "joint"]
        _shares(left, peer, "ruckig, joint motions", MUTED)
        left.set(xscale="log", xlabel="time to time a motion [ms]", ylabel="share of motions", ylim=(0.0, 1.02))
        left.legend(fontsize=8)
        for name, colour in zip(("velocity", "acceleration", "jerk"), _COLOURS, strict=False):
            _shares(right, [row[name] for row in rows], name, colour)
        right.axvline(1.0, color=LIMIT, linewidth=0.8, linestyle=_DASHED)
        right.set(xlabel="largest use of the limit", ylabel="share of motions", ylim=(0.0, 1.02))
        right.legend(fontsize=8)
        return [Figure("Times, and what motions use of their limits", to_svg(plt, figure))]


def _planning(rows: Rows) -> list[Figure]:
    plt = pyplot()
    stacks = (("ompl", "OMPL, whole"), ("compiled", "compiled, whole"), ("peer", "OMPL alone, path only"))
    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.4), layout="constrained")
        for (stack, label), colour in zip(stacks, _COLOURS, strict=False):
            # What failed never gets to 1: the curve ends at the share that was solved.
            times = [1e3 * row[f"{stack}_cpu_s"] if row[f"{stack}_success"] else np.inf for row in rows]
            _shares(left, times, label, colour)
        left.set(xscale="log", xlabel="processor time [ms]", ylabel="share of problems", ylim=(0.0, 1.02))
        left.legend(fontsize=8)
        for stack, colour in (("ompl", AXIAL), ("compiled", DEPTH)):
            solved = [row[f"{stack}_stretch"] for row in rows if row[f"{stack}_success"]]
            _shares(right, solved, stack, colour)
        right.set(xlabel="length of the way over the straight joint line", ylabel="share of solved", ylim=(0.0, 1.02))
        right.legend(fontsize=8)
        kinds = sorted({row["kind"] for row in rows})
        found = _found("Problems solved by the default backend", rows, kinds, "ompl_success")
        return [Figure("Times end to end, and length of the ways", to_svg(plt, figure)), found]


def _found(title: str, rows: Rows, kinds: Sequence[str], key: str = "success") -> Figure:
    plt = pyplot()
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(9.6, 0.5 + 0.32 * len(kinds)), layout="constrained")
        for place, kind in enumerate(kinds):
            outcomes = [bool(row[key]) for row in rows if row["kind"] == kind]
            axes.barh(place, np.mean(outcomes), color=AXIAL)
            axes.text(0.01, place, f"{sum(outcomes)} of {len(outcomes)}", color="white", va="center", fontsize=8)
        axes.set_yticks(range(len(kinds)), kinds)
        axes.set(xlim=(0.0, 1.0))
        axes.grid(visible=False)
        return Figure(title, to_svg(plt, figure))


def _shares(axes: Any, values: Sequence[float], label: str, colour: str, dashes: Any = "solid") -> None:
    """Draw which share of the values is at most a value; a label that begins with _ is left out."""
    if values:
        ordered = np.sort(np.asarray(values, dtype=float))
        shares = np.arange(1, len(ordered) + 1) / len(ordered)
        finite = np.isfinite(ordered)
        label = f"{label} ({len(values)})"
        axes.step(ordered[finite], shares[finite], where="post", color=colour, linestyle=dashes, label=label)


_DRAWERS: dict[str, Callable[[Rows], list[Figure]]] = {
    "ik": _ik,
    "collision": _collision,
    "timing": _timing,
    "planning": _planning,
}
