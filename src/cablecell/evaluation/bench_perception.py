"""Benchmark of perception: random boards seen by the wrist cameras, port poses judged against the truth.

Every scene has its own board pose, module position, layout and hand-eye errors, light, exposure, blur and noise, with
gripper, plug and cable in view. The estimator gets images, kinematics, calibrated mounts and the nominal layout.
"""

from __future__ import annotations

import math
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from cablecell.core.config.camera import CameraIntrinsics
from cablecell.core.config.estimator import EstimatorSettings, LookSettings
from cablecell.core.config.plug_vision import PlugVisionSettings
from cablecell.core.fusion.board import BoardEstimator, ExpectedBoard
from cablecell.core.fusion.board_looks import Viewer, choose_looks, fiducial_region
from cablecell.core.fusion.board_state import BoardState, Look
from cablecell.core.fusion.ports import PortEstimate, port_estimate
from cablecell.core.fusion.ports_plug import nominal_plug, port_in_tip, see_plug
from cablecell.core.geometry import angle_between, invert_pose, log_se3, transform_point
from cablecell.core.perception.detection import Corners, find_corners
from cablecell.core.perception.fiducials import build_patches
from cablecell.core.perception.outcome import NoEstimate
from cablecell.core.perception.plug_fit import PlugImages, plug_region
from cablecell.evaluation.perception_scenes import CAMERAS, PerceptionScene, load_fiducials
from cablecell.ports import Frame, Region

Matrix = NDArray[np.float64]
Rows = list[dict[str, Any]]
Summary = dict[str, float]

_STANDOFF_M = 0.08  # of the tool in front of the port, the end of the way that looks are chosen on
_MARGIN_PX = 40  # around the predicted fiducials once the board is known
_PALM_RADIUS_M, _PALM_Z_M = 0.04, (-0.16, -0.047)  # what of the tool hides the view, in tcp


def run(*, n: int, seed: int, workers: int) -> tuple[Rows, Summary]:
    """Run the benchmark.

    Args:
        n: Number of scenes.
        seed: Seed of everything random.
        workers: Processes that run scenes.

    Returns:
        One row a scene, and the summary.
    """
    jobs = [(index, seed) for index in range(n)]
    if workers == 1:
        rows = [run_scene(*job) for job in jobs]
    else:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            rows = list(pool.map(run_scene, *zip(*jobs, strict=True)))
    return rows, summarise(rows)


def run_scene(index: int, seed: int) -> dict[str, Any]:
    """Return the row of one scene: look from home, then from the places the estimator asks for."""
    settings = EstimatorSettings()
    patches = build_patches(load_fiducials())
    scene = PerceptionScene(index, seed, settings)
    try:
        viewer = Viewer(scene.rig, {name: CameraIntrinsics() for name in CAMERAS}, _palm())
        expected = ExpectedBoard(scene.X_base_board_expected, radius_m=0.08, turn_rad=0.35)
        estimator = BoardEstimator(scene.rig, settings, expected)
        spent = {"render": 0.0, "estimate": 0.0}
        of_plug: dict[str, list[Frame]] = {name: [] for name in CAMERAS}
        counts = {"frames": 0, "corners": 0}
        waiting = [scene.X_base_home]
        first: PortEstimate | NoEstimate | None = None
        while waiting:
            X = waiting.pop(0)
            scene.move(X)
            board = estimator.estimate(0.0)
            seen: dict[str, Corners] = {}
            for name in CAMERAS:
                region = None
                if isinstance(board, BoardState):
                    region = fiducial_region(viewer, name, X, board.X_base_board, patches, _MARGIN_PX)
                    if region is None:
                        continue
                begun = time.perf_counter()
                frame = scene.capture(name, region)
                rendered = time.perf_counter()
                found = find_corners(frame, patches)
                spent["render"] += rendered - begun
                spent["estimate"] += time.perf_counter() - rendered
                counts["frames"] += 1
                if isinstance(found, Corners):
                    seen[name] = found
                    counts["corners"] += len(found.pixels)
            for name, frames in of_plug.items():
                region = _plug_region(scene, name)
                if region is not None:
                    frames.append(scene.capture(name, region))
            begun = time.perf_counter()
            estimator.add(Look(0.0, X, seen))
            spent["estimate"] += time.perf_counter() - begun
            board = estimator.estimate(0.0)
            if first is None:
                first = _port(board, scene, settings)
                if isinstance(board, BoardState):
                    goal = _goal(board, scene)
                    port = scene.layout[scene.target].X_board_entrance
                    known = LookSettings(board_sigma_m=0.001, board_sigma_rad=0.005)
                    looks = choose_looks(viewer, patches, board.X_base_board, port, X, goal, settings=known)
                    waiting = [look.X_base_tcp for look in looks[1:]]
        estimate = _port(estimator.estimate(0.0), scene, settings)
        row: dict[str, Any] = {"scene": index, "port": scene.target, **counts}
        row["render_s"] = spent["render"] / max(counts["frames"], 1)
        row["frame_s"] = spent["estimate"] / max(counts["frames"], 1)
        if isinstance(first, PortEstimate):
            row["first_look_error_m"] = judge(first, scene)["error_m"]
        if isinstance(estimate, NoEstimate):
            return {**row, "outcome": estimate.reason.value}
        board = estimator.estimate(0.0)
        assert isinstance(board, BoardState)
        return {**row, "outcome": "estimated", **judge(estimate, scene), **judge_plug(board, of_plug, scene, settings)}
    finally:
        scene.close()


def judge(estimate: PortEstimate, scene: PerceptionScene) -> dict[str, Any]:
    """Return how far an estimate is from the truth, in the axes of the true mouth."""
    X_true = scene.X_base_entrance[estimate.name]
    error = log_se3(invert_pose(estimate.X_base_entrance) @ X_true)
    offset = (invert_pose(X_true) @ estimate.X_base_entrance)[:3, 3]
    distances = {name: float(np.linalg.norm(X[:3, 3] - estimate.X_base_entrance[:3, 3])) for name, X in _mouths(scene)}
    return {
        "error_m": float(np.linalg.norm(offset)),
        "lateral_error_m": float(np.linalg.norm(offset[:2])),
        "depth_error_m": float(abs(offset[2])),
        "angle_error_rad": angle_between(X_true[:3, :3], estimate.X_base_entrance[:3, :3]),
        "sigma_m": estimate.position_sigma_m,
        "nees": float(error @ np.linalg.solve(estimate.covariance, error)),
        "is_right_port": min(distances, key=lambda name: distances[name]) == estimate.name,
    }


def judge_plug(
    board: BoardState, of_plug: dict[str, list[Frame]], scene: PerceptionScene, settings: EstimatorSettings
) -> dict[str, Any]:
    """Return how far the port is from where it is thought to be as seen from the plug's tip, in front of the port."""
    vision = PlugVisionSettings()
    X_stage = _goal(board, scene)
    X_true = invert_pose(X_stage @ scene.X_tcp_tip) @ scene.X_base_entrance[scene.target]
    nominal = nominal_plug(scene.X_tcp_tip_nominal, board, vision)
    outline = {name: transform_point(invert_pose(X), _palm()) for name, X in scene.rig.mounts.items()}
    size = (CameraIntrinsics().width, CameraIntrinsics().height)
    images = {name: PlugImages(tuple(frames), outline[name], size) for name, frames in of_plug.items() if frames}
    begun = time.perf_counter()
    answer = see_plug(nominal, scene.plug_boxes, images, vision)
    row: dict[str, Any] = {"plug": "seen", "plug_s": time.perf_counter() - begun}
    plug = nominal
    if isinstance(answer, NoEstimate):
        row["plug"] = answer.reason.value
    else:
        plug = answer[0]
    for stage, state in (("nominal", nominal), ("seen", plug)):
        X, covariance = port_in_tip(state, X_stage, scene.layout[scene.target], settings)
        error = log_se3(invert_pose(X) @ X_true)
        offset = (invert_pose(X_true) @ X)[:3, 3]
        row |= {
            f"tip_{stage}_lateral_error_m": float(np.linalg.norm(offset[:2])),
            f"tip_{stage}_error_m": float(np.linalg.norm(offset)),
            f"tip_{stage}_angle_error_rad": angle_between(X[:3, :3], X_true[:3, :3]),
            f"tip_{stage}_nees": float(error @ np.linalg.solve(covariance, error)),
        }
    return row


def summarise(rows: Rows) -> Summary:
    """Return the summary of all rows; a scene without an estimate counts as a wrong port."""
    good = [row for row in rows if row["outcome"] == "estimated"]
    n, right = len(rows), sum(bool(row["is_right_port"]) for row in good)
    low, high = _wilson(right, n)
    summary: Summary = {
        "n": float(n),
        "estimated": float(len(good)),
        "identity_rate": right / n,
        "identity_wilson_low": low,
        "identity_wilson_high": high,
    }
    if not good:
        return summary
    for key in ("error_m", "lateral_error_m", "depth_error_m", "angle_error_rad", "first_look_error_m"):
        values = [row[key] for row in good if key in row]
        name = {"error_m": "port_error_m", "first_look_error_m": "port_error_first_look_m"}.get(key, f"port_{key}")
        stem, _, unit = name.rpartition("_")
        summary[f"{stem}_median_{unit}"] = float(np.median(values))
        summary[f"{stem}_p95_{unit}"] = float(np.percentile(values, 95))
    for stage in ("nominal", "seen"):
        for quantity, unit in (("error", "m"), ("lateral_error", "m"), ("angle_error", "rad")):
            values = [row[f"tip_{stage}_{quantity}_{unit}"] for row in good]
            summary[f"tip_{stage}_{quantity}_median_{unit}"] = float(np.median(values))
            summary[f"tip_{stage}_{quantity}_p95_{unit}"] = float(np.percentile(values, 95))
        summary[f"tip_{stage}_nees_mean"] = float(np.mean([row[f"tip_{stage}_nees"] for row in good]))
    summary["plug_seen_rate"] = sum(row["plug"] == "seen" for row in good) / n
    summary["plug_s"] = float(np.median([row["plug_s"] for row in good]))
    nees_low, nees_high = chi2.ppf([0.025, 0.975], 6 * len(good)) / len(good)
    nees = float(np.mean([row["nees"] for row in good]))
    summary |= {
        "nees_mean": nees,
        "nees_band_low": float(nees_low),
        "nees_band_high": float(nees_high),
        "nees_in_band": float(nees_low <= nees <= nees_high),
        "sigma_median_m": float(np.median([row["sigma_m"] for row in good])),
        "frame_s": float(np.median([row["frame_s"] for row in good])),
        "render_s": float(np.median([row["render_s"] for row in good])),
    }
    return summary


def _port(
    board: BoardState | NoEstimate, scene: PerceptionScene, settings: EstimatorSettings
) -> PortEstimate | NoEstimate:
    if isinstance(board, NoEstimate):
        return board
    return port_estimate(board, scene.layout[scene.target], settings)


def _goal(board: BoardState, scene: PerceptionScene) -> Matrix:
    X = scene.X_base_home.copy()
    mouth = board.X_base_board @ scene.layout[scene.target].X_board_entrance
    X[:3, 3] = mouth[:3, 3] - _STANDOFF_M * mouth[:3, 2]
    return X


def _plug_region(scene: PerceptionScene, camera: str) -> Region | None:
    intrinsics = CameraIntrinsics()
    X_optical_tip = invert_pose(scene.rig.mounts[camera]) @ scene.X_tcp_tip_nominal
    size = (intrinsics.width, intrinsics.height)
    return plug_region(scene.plug_boxes, X_optical_tip, intrinsics.matrix(), size, _MARGIN_PX)


def _mouths(scene: PerceptionScene) -> list[tuple[str, Matrix]]:
    return list(scene.X_base_entrance.items())


def _palm() -> Matrix:
    angle = np.linspace(0.0, 2.0 * math.pi, 16, endpoint=False)
    ring = _PALM_RADIUS_M * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.vstack([np.column_stack([ring, np.full(len(ring), z)]) for z in _PALM_Z_M])


def _wilson(successes: int, n: int) -> tuple[float, float]:
    z, p = 1.96, successes / n
    centre, spread = p + z * z / (2 * n), z * math.sqrt(p * (1.0 - p) / n + z * z / (4 * n * n))
    return max(0.0, (centre - spread) / (1.0 + z * z / n)), min(1.0, (centre + spread) / (1.0 + z * z / n))
