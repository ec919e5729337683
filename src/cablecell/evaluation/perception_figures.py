"""Figures of the benchmark of perception: errors by family, how sure the estimates were, and what was seen."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2  # type: ignore[import-untyped]

from cablecell.configuration import load_fiducials
from cablecell.core.config.camera import CameraIntrinsics
from cablecell.core.config.port_vision import PortVisionSettings
from cablecell.core.fusion.board_looks import Viewer, palm_outline
from cablecell.core.fusion.board_state import BoardState
from cablecell.core.fusion.module_update import optical_board
from cablecell.core.fusion.ports_estimator import EstimatorConfiguration, HeldPlug, PortEstimator
from cablecell.core.geometry import invert_pose
from cablecell.core.perception.fiducials import Patch, build_patches
from cablecell.core.perception.module_views import ModuleView, points_in_sight
from cablecell.core.perception.reprojection import project
from cablecell.evaluation.bench_page import Figure
from cablecell.evaluation.perception_scenes import CAMERAS, PerceptionScene, known_errors
from cablecell.evaluation.report_plots import AXIAL, DEPTH, INK, LIMIT, MUTED, STYLE, pyplot, to_svg
from cablecell.ports import Frame

Matrix = NDArray[np.float64]
Rows = Sequence[Mapping[str, Any]]

_COLOURS = (AXIAL, DEPTH, "#b7791f", "#805ad5", INK, MUTED, "#d53f8c", "#38a169", "#7b341e")
_DASHED = (0, (4, 3))
_ZOOM, _AROUND_PX = 3, 26


def draw(name: str, rows: Rows) -> list[Figure]:
    """Return the figures of benchmark `perception`: plots of all rows, and one scene of every family as it was seen."""
    del name  # there is one benchmark
    good = [row for row in rows if not row["is_covered"] and row.get("observed_outcome") == "estimated"]
    if not good:
        return []
    return [_errors(rows, good), _covariance(good), _nees(good), *_pictures(good)]


def _pictures(good: Rows) -> list[Figure]:
    """Return the rims drawn where they were found, in the first scene of every family that was answered."""
    patches = build_patches(load_fiducials())
    firsts = {row["connector"]: row for row in reversed(good)}
    found = []
    for family, row in sorted(firsts.items()):
        image = picture(row["scene"], row["seed"], patches)
        if image is not None:
            found.append(Figure(f"{family}: {row['port']}, rims where they were found", _embedded(image)))
    return found


def _embedded(image: NDArray[np.uint8]) -> str:
    height, width = image.shape[:2]
    data = base64.b64encode(cv2.imencode(".png", image)[1].tobytes()).decode()
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
        f'<image width="{width}" height="{height}" href="data:image/png;base64,{data}"/></svg>'
    )


def _errors(rows: Rows, good: Rows) -> Figure:
    """Share of all open scenes below an error: a curve that ends below 1 shows what was not answered."""
    plt = pyplot()
    families = sorted({row["connector"] for row in good})
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, 3, figsize=(9.6, 3.2), layout="constrained")
        for axis, key, label in zip(
            axes,
            ("lateral_error_m", "depth_error_m", "tip_seen_error_m"),
            ("port across, in base [mm]", "port along, in base [mm]", "port from the seen tip [mm]"),
            strict=True,
        ):
            for family, colour in zip(families, _COLOURS, strict=False):
                of_family = [row for row in good if row["connector"] == family]
                if key.startswith("tip"):
                    of_family = [row for row in of_family if row["observed_is_plug_seen"]]
                total = sum(row["connector"] == family and not row["is_covered"] for row in rows)
                values = np.sort([1e3 * row[f"observed_{key}"] for row in of_family])
                axis.step(values, (1.0 + np.arange(len(values))) / total, where="post", color=colour, label=family)
            axis.set(xscale="log", xlabel=label, ylim=(0.0, 1.02))
        axes[0].set(ylabel="share of open scenes")
        axes[0].legend(fontsize=7)
        return Figure("Errors after observing, of all open scenes", to_svg(plt, figure))


def _covariance(good: Rows) -> Figure:
    plt = pyplot()
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(4.8, 3.4), layout="constrained")
        for family, colour in zip(sorted({row["connector"] for row in good}), _COLOURS, strict=False):
            of_family = [row for row in good if row["connector"] == family]
            sigma = [1e3 * row["observed_sigma_m"] for row in of_family]
            axis.plot(sigma, [1e3 * row["observed_error_m"] for row in of_family], ".", color=colour, label=family)
        line = np.array(axis.get_xlim())
        for factor, dashes in ((1.0, "solid"), (3.0, _DASHED)):
            axis.plot(line, factor * line, color=LIMIT, linewidth=0.8, linestyle=dashes)
        axis.set(yscale="log", xlabel="said: largest sigma [mm]", ylabel="was: error in base [mm]")
        axis.legend(fontsize=7)
        return Figure("What was said and what was: lines at one and three sigma", to_svg(plt, figure))


def _nees(good: Rows) -> Figure:
    plt = pyplot()
    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.2), layout="constrained")
        values = [row["observed_nees"] for row in good]
        grid = np.linspace(0.01, 30.0, 200)
        left.hist(values, bins=np.linspace(0.0, 30.0, 31), density=True, color=AXIAL, alpha=0.8)
        left.plot(grid, chi2.pdf(grid, 6), color=INK)
        left.set(xlabel="NEES in base; line: chi-square of 6", ylabel="density")
        families = sorted({row["connector"] for row in good})
        for place, family in enumerate(families):
            for key, colour, shift in (("nees", AXIAL, -0.12), ("tip_seen_nees", DEPTH, 0.12)):
                of_family = [row[f"observed_{key}"] for row in good if row["connector"] == family]
                low, high = chi2.ppf([0.025, 0.975], 6 * len(of_family)) / len(of_family)
                right.plot([place + shift] * 2, [low, high], color=MUTED, linewidth=5.0, alpha=0.5)
                right.plot(place + shift, np.mean(of_family), "o", color=colour)
        right.set_xticks(range(len(families)), families, fontsize=7)
        right.set(ylabel="mean NEES and 95 % band; left base, right tip")
        return Figure("NEES, all and by family", to_svg(plt, figure))


def picture(index: int, seed: int, patches: Sequence[Patch]) -> NDArray[np.uint8] | None:
    """Return the images around a scene's port with the rims drawn where they were found; None when it was not.

    Args:
        index: Number of the scene.
        seed: Of the benchmark.
        patches: The fiducials.
    """
    errors = known_errors()
    scene = PerceptionScene(index, seed, errors)
    viewer = Viewer(scene.rig, {name: CameraIntrinsics() for name in CAMERAS}, palm_outline())
    estimator = PortEstimator(
        viewer, patches, scene.layout, modules=scene.modules, configuration=EstimatorConfiguration(errors=errors)
    )
    estimator.hold(HeldPlug(scene.X_tcp_tip_nominal, scene.plug_body))
    estimator.focus([scene.target])
    X_base_tcp, frames = scene.X_base_home, {}
    for height_m in (0.08, 0.05):
        scene.move(X_base_tcp)
        frames = {name: scene.capture(name) for name in CAMERAS}
        estimator.look(0.0, X_base_tcp, frames)
        board = estimator.board(0.0)
        if not isinstance(board, BoardState):
            return None
        if scene.target.rpartition("/")[0] in board.modules and height_m == 0.05:
            return _marked(board, scene, X_base_tcp, frames)
        mouth = board.X_base_board @ estimator.place(board, scene.target).X_board_entrance
        X_base_tcp = scene.X_base_home.copy()
        X_base_tcp[:3, 3] += mouth[:3, 3] - height_m * mouth[:3, 2] - (X_base_tcp @ scene.X_tcp_tip_nominal)[:3, 3]
        choice = estimator.best_view(scene.target, X_base_tcp, 0.0)
        X_base_tcp = getattr(choice, "X_base_tcp", X_base_tcp)
    return None


def _marked(
    board: BoardState, scene: PerceptionScene, X_base_tcp: Matrix, frames: Mapping[str, Frame]
) -> NDArray[np.uint8] | None:
    module = scene.modules[scene.target.rpartition("/")[0]]
    tiles = []
    for name, frame in frames.items():
        X = optical_board(board, X_base_tcp, name) @ board.modules[module.name]
        outline = project(palm_outline(), invert_pose(board.mounts[name]), frame.K)[0]
        view = ModuleView(frame, (frame.region.width, frame.region.height), (outline,))
        seen = points_in_sight(module, view, X, PortVisionSettings().fit_points)
        if len(seen.points) < 8:
            continue
        pixels = project(seen.points, X, frame.K)[0]
        middle = np.median(pixels, axis=0)
        half = float(np.abs(pixels - middle).max()) + _AROUND_PX
        low = np.maximum(np.floor(middle - half), 0).astype(int)
        high = np.ceil(middle + half).astype(int)
        part = frame.pixels[low[1] : high[1], low[0] : high[0], ::-1]
        tile = cv2.resize(part, None, fx=_ZOOM, fy=_ZOOM, interpolation=cv2.INTER_NEAREST)
        for place, sure in zip((pixels - low + 0.5) * _ZOOM, seen.sure, strict=True):
            colour = (60, 220, 60) if sure else (0, 200, 255)
            cv2.circle(tile, (int(place[0]), int(place[1])), 1, colour, -1, cv2.LINE_AA)
        tiles.append(cv2.resize(tile, (360, 360), interpolation=cv2.INTER_AREA))
    return np.asarray(np.hstack(tiles), dtype=np.uint8) if tiles else None
