"""Tables and figures on the pages of benchmarks of insertions: success, time, force and false answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cablecell.core.statistics import percentile, wilson_interval
from cablecell.evaluation.bench_page import Grid
from cablecell.evaluation.report_plots import LIMIT, STYLE, pyplot, to_svg
from cablecell.evaluation.scoring import FORCE_LIMIT_N

Row = dict[str, Any]

HEAD = (
    "seated",
    "95 %",
    "staging to answer, median s",
    "p95 s",
    "peak force, median N",
    "largest N",
    "work, median mJ",
    "jerk, median m/s³",
    "score, mean",
    "false successes",
    "false failures",
)

_KINDS = (
    ("seated", "#2f855a", lambda row: row["success"]),
    ("failed", "#d69e2e", lambda row: not (row["success"] or row["false_success"] or row["false_failure"])),
    ("false answer", "#c53030", lambda row: row["false_success"] or row["false_failure"]),
)


def outcome_grid(title: str, first: str, groups: Mapping[str, Sequence[Row]]) -> Grid:
    """Return a table with a line per group of rows; times, forces and work are of all runs, failures among them.

    Args:
        title: Of the table.
        first: Name of the first column.
        groups: Rows by the name of their line; a group without rows has none.
    """
    return Grid(title, (first, *HEAD), [(name, *_cells(rows)) for name, rows in groups.items() if rows])


def _cells(rows: Sequence[Row]) -> tuple[str, ...]:
    n, successes = len(rows), sum(bool(row["success"]) for row in rows)
    low, high = wilson_interval(successes, n)

    def column(key: str, fraction: float) -> float:
        return percentile([float(row[key]) for row in rows], fraction)

    return (
        f"{successes}/{n}",
        f"{100 * low:.1f}-{100 * high:.1f} %",
        f"{column('insertion_s', 0.5):.2f}",
        f"{column('insertion_s', 0.95):.2f}",
        f"{column('peak_force_n', 0.5):.1f}",
        f"{column('peak_force_n', 1.0):.1f}",
        f"{1e3 * column('work_j', 0.5):.0f}",
        f"{column('jerk_m_per_s3', 0.5):.1f}",
        f"{sum(float(row['score']) for row in rows) / n:.1f}",
        f"{sum(bool(row['false_success']) for row in rows)}",
        f"{sum(bool(row['false_failure']) for row in rows)}",
    )


def time_force_figure(rows: Sequence[Row]) -> str:
    """Return peak force over time from staging to the answer, a dot per run, as SVG."""
    plt = pyplot()
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(9.6, 3.4), layout="constrained")
        for label, colour, belongs in _KINDS:
            own = [row for row in rows if belongs(row)]
            x, y = [row["insertion_s"] for row in own], [row["peak_force_n"] for row in own]
            axes.plot(x, y, "o", color=colour, markersize=4, alpha=0.7, label=f"{label}: {len(own)}")
        axes.axhline(FORCE_LIMIT_N, color=LIMIT, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.set(xlabel="staging to answer [s]", ylabel="peak force [N]")
        axes.set_xlim(left=0.0)
        axes.set_ylim(bottom=0.0)
        axes.legend(fontsize=8)
        return to_svg(plt, figure)


def clearance_figure(points: Sequence[tuple[float, Sequence[Row]]]) -> str:
    """Return the share of seated plugs over the clearance, with Wilson intervals, as SVG.

    Args:
        points: Clearance per side, m, and its runs.
    """
    plt = pyplot()
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(9.6, 3.4), layout="constrained")
        x = [1e6 * clearance for clearance, _ in points]
        counts = [(sum(bool(row["success"]) for row in rows), len(rows)) for _, rows in points]
        y = [successes / n for successes, n in counts]
        ends = [wilson_interval(successes, n) for successes, n in counts]
        # A rate of nought or one is an end itself, but for rounding.
        errors = [
            [max(v - low, 0.0) for v, (low, _) in zip(y, ends, strict=True)],
            [max(high - v, 0.0) for v, (_, high) in zip(y, ends, strict=True)],
        ]
        axes.errorbar(x, y, yerr=errors, fmt="o-", color="#2b6cb0", capsize=3)
        axes.set(xlabel="clearance per side [µm]", ylabel="share seated", xscale="log", ylim=(0.0, 1.03))
        axes.set_xticks(x, [f"{value:.0f}" for value in x])
        axes.minorticks_off()
        return to_svg(plt, figure)
