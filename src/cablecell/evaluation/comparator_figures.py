"""Figures of the benchmark `comparators` as SVG text. matplotlib is imported when the first figure is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cablecell.evaluation.report_plots import STYLE, pyplot, to_svg

COLOURS = ("#a0aec0", "#d69e2e", "#3182ce", "#805ad5", "#2f855a", "#1f2933")
_SPREAD_MM = 0.06
"""How far apart the curves are drawn, so that intervals do not hide each other."""


def cell_curves(curves: Mapping[str, Sequence[tuple[float, dict[str, float]]]], key: str, label: str) -> str:
    """Return one number over the error of the believed port, a curve per strategy, as SVG.

    Args:
        curves: By strategy, offset in m and numbers of the cell; one with a single offset is drawn as a level.
        key: Of the number; the success rate has its interval drawn.
        label: Of the axis.
    """
    plt = pyplot()
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(9.6, 3.4), layout="constrained")
        for index, (name, cells) in enumerate(curves.items()):
            colour = COLOURS[index % len(COLOURS)]
            x = [1e3 * offset + _SPREAD_MM * (index - 0.5 * len(curves)) for offset, _ in cells]
            y = [numbers[key] for _, numbers in cells]
            if len(cells) == 1:
                axes.axhline(y[0], color=colour, linestyle=(0, (4, 3)), label=f"{name} (told the true pose)")
                continue
            axes.plot(x, y, "o-", color=colour, markersize=4, label=name)
            if key == "success_rate":
                below = [max(numbers[key] - numbers["wilson_low"], 0.0) for _, numbers in cells]
                above = [max(numbers["wilson_high"] - numbers[key], 0.0) for _, numbers in cells]
                axes.errorbar(x, y, yerr=(below, above), fmt="none", ecolor=colour, elinewidth=0.8)
        axes.set(xlabel="distance of the believed port [mm]", ylabel=label)
        axes.set_ylim(bottom=0.0)
        axes.legend(ncols=3, fontsize=8)
        return to_svg(plt, figure)
