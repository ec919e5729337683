"""Figures of the report as SVG text. matplotlib is imported when the first figure is drawn."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cablecell.evaluation.demo_trial import Series, TrialRun, TruthSample
from cablecell.evaluation.scoring import FORCE_LIMIT_N

Array = NDArray[np.float64]

INK, MUTED, GRID = "#1f2933", "#66727f", "#e3e8ee"
MAGNITUDE, AXIAL, LIMIT, DEPTH = "#1f2933", "#2b6cb0", "#c53030", "#2f855a"
BANDS = ("#edf2f7", "#ffffff")
MAX_POINTS = 1600
"""Points of one curve; more are thinned to the extremes of equal spans, so that no peak is lost."""
LABEL_MIN_SHARE = 0.03
"""Share of the time axis between the names of two phases; a name that would come closer is left out."""
LEAD_S = 1.0
"""Time shown before the first phase, when nothing pushed earlier."""

STYLE = {
    "font.family": "sans-serif",
    "font.size": 9.0,
    "svg.fonttype": "none",
    "svg.hashsalt": "cablecell",
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "text.color": INK,
    "lines.linewidth": 1.1,
    "legend.frameon": True,
    "legend.edgecolor": "none",
}


def thin(x: Array, y: Array, limit: int = MAX_POINTS) -> tuple[Array, Array]:
    """Return a curve with at most about `limit` points that keeps the extremes of every span.

    Args:
        x: Abscissae in order, shape (n,).
        y: Values, shape (n,).
        limit: Wanted number of points.
    """
    if len(x) <= limit:
        return x, y
    spans = np.array_split(np.arange(len(x)), limit // 2)
    keep = sorted({int(i) for span in spans for i in (span[np.argmin(y[span])], span[np.argmax(y[span])])})
    return x[keep], y[keep]


def force_time_figure(run: TrialRun, series: Series) -> str:
    """Return force and depth over time with the phases behind, as SVG; empty without measurements."""
    part, start_s = _part(run, series)
    if part is None:
        return ""
    t, force = part.force_t_s - start_s, part.tared_force()
    magnitude = np.linalg.norm(force, axis=1)
    plt = pyplot()
    with plt.rc_context(STYLE):
        figure, (top, bottom) = plt.subplots(
            2, 1, figsize=(9.6, 4.0), sharex=True, height_ratios=(3, 2), layout="constrained"
        )
        begin, end = _shown(run, t, magnitude, start_s), float(t[-1])
        spans = _spans(run, start_s, begin, end)
        for axes in (top, bottom):
            for index, (left, right, _) in enumerate(spans):
                axes.axvspan(left, right, color=BANDS[index % 2], zorder=0, linewidth=0)
        _name_phases(top, spans, end - begin)
        top.axhline(FORCE_LIMIT_N, color=LIMIT, linewidth=0.8, linestyle=(0, (4, 3)))
        top.plot(*thin(t, force[:, 2]), color=AXIAL, linewidth=0.8, label="z of the sensor")
        top.plot(*thin(t, magnitude), color=MAGNITUDE, label="magnitude")
        peak = int(np.argmax(magnitude))
        top.plot(t[peak], magnitude[peak], "o", color=MAGNITUDE, markersize=4)
        _label_peak(top, float(t[peak]), float(magnitude[peak]), is_late=t[peak] > begin + 0.85 * (end - begin))
        lowest = min(0.0, float(force[:, 2].min()))
        highest = max(FORCE_LIMIT_N * 1.1, float(magnitude.max()) * 1.15)
        top.set(ylabel="force - tare [N]", ylim=(lowest - 0.05 * (highest - lowest), highest), xlim=(begin, end))
        top.legend(
            loc="upper left", bbox_to_anchor=(0.0, 0.86), ncols=2, fontsize=8, facecolor="white", framealpha=0.85
        )
        depth_t, depth = _depth(run.truth, start_s)
        bottom.plot(depth_t, 1e3 * depth, color=DEPTH)
        bottom.axhline(0.0, color=MUTED, linewidth=0.8)
        bottom.set(xlabel="time since the job was accepted [s]", ylabel="depth [mm]")
        bottom.set_yscale("symlog", linthresh=50.0)
        bottom.set_yticks([-300, -100, -50, -25, 0, 25, 50], ["-300", "-100", "-50", "-25", "0", "25", "50"])
        bottom.minorticks_off()
        span = 1e3 * depth[(depth_t >= begin) & (depth_t <= end)]
        if len(span):
            bottom.set_ylim(min(-5.0, float(span.min()) * 1.1), max(5.0, float(span.max()) * 1.2))
        return to_svg(plt, figure)


def force_depth_figure(run: TrialRun, series: Series, from_m: float = -0.01) -> str:
    """Return force over depth as SVG, from just above the entrance; empty when the plug was never there.

    Args:
        run: The trial.
        series: Measurements.
        from_m: Depth the figure begins at, m.
    """
    part, start_s = _part(run, series)
    if part is None:
        return ""
    depth_t, depth = _depth(run.truth, start_s)
    t = part.force_t_s - start_s
    if len(depth_t) < 2:
        return ""
    at = np.interp(t, depth_t, depth)
    inside = at >= from_m
    if not inside.any():
        return ""
    magnitude = np.linalg.norm(part.tared_force(), axis=1)
    # A pass is what happens until the plug has left again: a curve per stay, not lines across the gaps.
    edges = np.flatnonzero(np.diff(inside.astype(int))) + 1
    plt = pyplot()
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(4.7, 3.1), layout="constrained")
        points = None
        for piece in np.split(np.arange(len(t)), edges):
            if not inside[piece[0]]:
                continue
            step = max(1, len(piece) // MAX_POINTS)
            axes.plot(1e3 * at[piece][::step], magnitude[piece][::step], color=MAGNITUDE, linewidth=0.5, alpha=0.35)
            points = axes.scatter(
                1e3 * at[piece][::step],
                magnitude[piece][::step],
                c=t[piece][::step],
                s=3,
                cmap="viridis",
                linewidths=0,
                vmin=float(t[inside].min()),
                vmax=float(t[inside].max()),
                rasterized=True,
            )
        axes.axhline(FORCE_LIMIT_N, color=LIMIT, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.axvline(0.0, color=MUTED, linewidth=0.8)
        axes.set(xlabel="true depth below the entrance [mm]", ylabel="|force - tare| [N]")
        axes.set_ylim(0.0, max(FORCE_LIMIT_N * 1.1, float(magnitude[inside].max()) * 1.1))
        if points is not None:
            figure.colorbar(points, ax=axes, label="time [s]", pad=0.02).outline.set_visible(False)
        return to_svg(plt, figure)


def _part(run: TrialRun, series: Series) -> tuple[Series | None, float]:
    if run.start_s is None or not run.truth:
        return None, 0.0
    part = series.between(run.start_s, run.end_s or run.truth[-1].time_s)
    return (part if len(part.force_t_s) >= 2 else None), run.start_s


def _depth(truth: Sequence[TruthSample], start_s: float) -> tuple[Array, Array]:
    return (
        np.array([sample.time_s - start_s for sample in truth]),
        np.array([sample.depth_m for sample in truth]),
    )


def _shown(run: TrialRun, t: Array, magnitude: Array, start_s: float) -> float:
    """Return where the time axis begins: shortly before the skill does, unless something pushed earlier, s."""
    if not run.phases:
        return 0.0
    begin = max(0.0, run.phases[0].time_s - start_s - LEAD_S)
    before = magnitude[t < begin]
    return 0.0 if len(before) and before.max() > 0.3 * magnitude.max() else begin


def _spans(run: TrialRun, start_s: float, begin: float, end: float) -> list[tuple[float, float, str]]:
    """Return (begin, end, name) of the phases within the axis; equal neighbours are one."""
    found: list[tuple[float, float, str]] = []
    for index, entry in enumerate(run.phases):
        is_last = index + 1 == len(run.phases)
        right = end if is_last else min(end, run.phases[index + 1].time_s - start_s)
        left = max(begin, entry.time_s - start_s)
        if found and found[-1][2] == entry.phase:
            found[-1] = (found[-1][0], right, entry.phase)
        elif right > left:
            found.append((left, right, entry.phase))
    return found


def _name_phases(axes: Any, spans: Sequence[tuple[float, float, str]], width: float) -> None:
    """Write the names of the phases above the plot, where there is room."""
    last = -width
    for left, right, name in spans:
        middle = (left + right) / 2.0
        if middle - last < LABEL_MIN_SHARE * width:
            continue
        last = middle
        axes.annotate(
            name.lower().replace("_", " "),
            (middle, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 2),
            textcoords="offset points",
            rotation=40,
            ha="left",
            va="bottom",
            fontsize=7.5,
            color=MUTED,
        )


def _label_peak(axes: Any, t: float, value: float, *, is_late: bool) -> None:
    axes.annotate(
        f"{value:.1f} N",
        (t, value),
        xytext=(-6 if is_late else 6, 3),
        textcoords="offset points",
        ha="right" if is_late else "left",
        fontsize=8,
        fontweight="bold",
    )


def pyplot() -> Any:
    """Return matplotlib's pyplot, drawing to files only."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    return pyplot


def to_svg(plt: Any, figure: Any) -> str:
    """Return the figure as an `<svg>` element that scales with the page."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None}, dpi=150)
    plt.close(figure)
    body = text.getvalue()
    return body[body.index("<svg") :]
