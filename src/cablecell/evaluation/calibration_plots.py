"""The residuals of a hand-eye calibration as a drawing beside its record."""

from __future__ import annotations

import numpy as np

from cablecell.core.calibration.rig import RigCalibration
from cablecell.evaluation.report_plots import INK, LIMIT, MUTED, STYLE, pyplot, to_svg


def residual_drawing(found: RigCalibration) -> str:
    """Return an SVG: residuals of every camera, and by how much every reported tool pose is off."""
    plt = pyplot()
    names = list(found.state.mounts)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(names) + 1, figsize=(3.0 * (len(names) + 1), 3.0), layout="constrained")
        for ax, name in zip(axes, names, strict=False):
            residuals = np.vstack([image.residuals for image in found.images if image.camera == name])
            limit = float(np.percentile(np.abs(residuals), 99.5)) * 1.3
            ax.plot(residuals[:, 0], residuals[:, 1], ".", ms=1.5, color=INK, alpha=0.5)
            ax.axhline(0.0, color=MUTED, lw=0.5)
            ax.axvline(0.0, color=MUTED, lw=0.5)
            ax.set(
                xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal", xlabel="u, px", ylabel="v, px",
                title=f"{name}: rms {found.rms_px(name):.3f} px",
            )  # fmt: skip
        errors = found.state.tool_errors
        axes[-1].plot(1e3 * np.linalg.norm(errors[:, :3], axis=1), "o-", ms=3, color=INK, label="mm")
        axes[-1].plot(1e3 * np.linalg.norm(errors[:, 3:], axis=1), "s-", ms=3, color=LIMIT, label="mrad")
        axes[-1].set(xlabel="view", title="error of the reported tool pose")
        axes[-1].legend()
        return to_svg(plt, figure)
