"""Benchmark of perception: random boards seen by the wrist cameras, port poses judged against the truth.

Every scene has its own board pose, module position, layout and hand-eye errors, light, exposure, blur and noise, with
gripper, plug and cable in view. The estimator gets images, kinematics, calibrated mounts and the nominal layout.
"""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2  # type: ignore[import-untyped]

from cablecell.configuration import load_fiducials
from cablecell.core.config.camera import CameraIntrinsics
from cablecell.core.config.estimator import LookSettings
from cablecell.core.fusion.board import ExpectedBoard
from cablecell.core.fusion.board_looks import Viewer, palm_outline
from cablecell.core.fusion.board_state import BoardState
from cablecell.core.fusion.ports import PortEstimate
from cablecell.core.fusion.ports_estimator import EstimatorConfiguration, HeldPlug, PortEstimator
from cablecell.core.fusion.ports_plug import PlugState, nominal_plug, port_in_tip
from cablecell.core.geometry import angle_between, invert_pose, log_se3
from cablecell.core.perception.fiducials import build_patches
from cablecell.core.perception.outcome import NoEstimate
from cablecell.evaluation.bench import wilson_interval
from cablecell.evaluation.perception_scenes import CAMERAS, PerceptionScene

Matrix = NDArray[np.float64]
Rows = list[dict[str, Any]]
Summary = dict[str, float]

_STANDOFF_M = 0.08  # of the tool in front of the port, the end of the way that looks are chosen on


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
    configuration = EstimatorConfiguration(looks=LookSettings(board_sigma_m=0.001, board_sigma_rad=0.005))
    scene = PerceptionScene(index, seed, configuration.errors)
    viewer = Viewer(scene.rig, {name: CameraIntrinsics() for name in CAMERAS}, palm_outline())
    expected = ExpectedBoard(scene.X_base_board_expected, radius_m=0.08, turn_rad=0.35)
    patches = build_patches(load_fiducials())
    estimator = PortEstimator(viewer, patches, scene.layout, configuration=configuration, expected=expected)
    estimator.hold(HeldPlug(scene.X_tcp_tip_nominal, scene.plug_boxes))
    row: dict[str, Any] = {
        "scene": index,
        "port": scene.target,
        "connector": scene.connector,
        "frames": 0,
        "render_s": 0.0,
        "frame_s": 0.0,
    }
    _look(estimator, scene, scene.X_base_home, row)
    first = estimator.port(scene.target, 0.0)
    board = estimator.board(0.0)
    if isinstance(first, PortEstimate) and isinstance(board, BoardState):
        row["first_look_error_m"] = judge(first, scene)["error_m"]
        goal = _goal(board, scene)
        for pose in estimator.next_looks(scene.target, scene.X_base_home, goal, board.X_base_board)[1:]:
            _look(estimator, scene, pose.X_base_tcp, row)
    row["render_s"] /= row["frames"]
    row["frame_s"] /= row["frames"]
    estimate = estimator.port(scene.target, 0.0)
    if isinstance(estimate, NoEstimate):
        return {**row, "outcome": estimate.reason.value}
    return {**row, "outcome": "estimated", **judge(estimate, scene), **judge_plug(estimator, scene, configuration)}


def _look(estimator: PortEstimator, scene: PerceptionScene, X_base_tcp: Matrix, row: dict[str, Any]) -> None:
    scene.move(X_base_tcp)
    begun = time.perf_counter()
    regions = {name: region for name, region in estimator.regions(X_base_tcp, 0.0).items() if region is not None}
    frames = {name: scene.capture(name, region) for name, region in regions.items()}
    rendered = time.perf_counter()
    estimator.look(0.0, X_base_tcp, frames)
    row["render_s"] += rendered - begun
    row["frame_s"] += time.perf_counter() - rendered
    row["frames"] += len(frames)


def judge(estimate: PortEstimate, scene: PerceptionScene) -> dict[str, Any]:
    """Return how far an estimate is from the truth, in the axes of the true mouth.

    The truth is where the arm finds the port when it reaches for it; `absolute_error_m` is against the place in space.
    """
    X_contact = estimate.X_base_entrance @ invert_pose(scene.X_tcp_tip_nominal)
    X_true = scene.arm.in_arm_coordinates(scene.X_base_entrance[estimate.name], X_contact)
    error = log_se3(invert_pose(estimate.X_base_entrance) @ X_true)
    offset = (invert_pose(X_true) @ estimate.X_base_entrance)[:3, 3]
    distances = {name: float(np.linalg.norm(X[:3, 3] - estimate.X_base_entrance[:3, 3])) for name, X in _mouths(scene)}
    return {
        "error_m": float(np.linalg.norm(offset)),
        "absolute_error_m": distances[estimate.name],
        "lateral_error_m": float(np.linalg.norm(offset[:2])),
        "depth_error_m": float(abs(offset[2])),
        "angle_error_rad": angle_between(X_true[:3, :3], estimate.X_base_entrance[:3, :3]),
        "sigma_m": estimate.position_sigma_m,
        "nees": float(error @ np.linalg.solve(estimate.covariance, error)),
        "is_right_port": min(distances, key=lambda name: distances[name]) == estimate.name,
    }


def judge_plug(
    estimator: PortEstimator, scene: PerceptionScene, configuration: EstimatorConfiguration
) -> dict[str, Any]:
    """Return how far the port is from where it is thought to be as seen from the plug's tip, at first contact.

    The tool is where the tip is believed to be in the port's mouth. What is not known of the plug's turn then moves the
    tip by nothing; farther away it would, and more for a plug whose tip is near the palm.
    """
    board = estimator.board(0.0)
    assert isinstance(board, BoardState)
    nominal = nominal_plug(scene.X_tcp_tip_nominal, board, configuration.plug)
    begun = time.perf_counter()
    plug = estimator.plug(0.0)
    assert isinstance(plug, PlugState)
    row: dict[str, Any] = {"is_plug_seen": plug.is_seen, "plug_s": time.perf_counter() - begun}
    for stage, state in (("nominal", nominal), ("seen", plug)):
        mouth = state.board.X_base_board @ scene.layout[scene.target].X_board_entrance
        X_contact = mouth @ invert_pose(state.X_tcp_tip)
        X_base_mouth = scene.arm.in_arm_coordinates(scene.X_base_entrance[scene.target], X_contact)
        X_true = invert_pose(X_contact @ scene.X_tcp_tip) @ X_base_mouth
        X, covariance = port_in_tip(state, X_contact, scene.layout[scene.target], configuration.errors)
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
    low, high = wilson_interval(right, n)
    summary: Summary = {
        "n": float(n),
        "estimated": float(len(good)),
        "identity_rate": right / n,
        "identity_wilson_low": low,
        "identity_wilson_high": high,
    }
    if not good:
        return summary
    for key in (
        "error_m",
        "absolute_error_m",
        "lateral_error_m",
        "depth_error_m",
        "angle_error_rad",
        "first_look_error_m",
    ):
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
    for family in sorted({row["connector"] for row in good}):
        of_family = [row for row in good if row["connector"] == family]
        lateral = [row["tip_seen_lateral_error_m"] for row in of_family]
        summary[f"tip_seen_{family}_lateral_error_median_m"] = float(np.median(lateral))
        summary[f"tip_seen_{family}_lateral_error_p95_m"] = float(np.percentile(lateral, 95))
        summary[f"tip_seen_{family}_nees_mean"] = float(np.mean([row["tip_seen_nees"] for row in of_family]))
    summary["plug_seen_rate"] = sum(row["is_plug_seen"] for row in good) / n
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


def _goal(board: BoardState, scene: PerceptionScene) -> Matrix:
    X = scene.X_base_home.copy()
    mouth = board.X_base_board @ scene.layout[scene.target].X_board_entrance
    X[:3, 3] = mouth[:3, 3] - _STANDOFF_M * mouth[:3, 2]
    return X


def _mouths(scene: PerceptionScene) -> list[tuple[str, Matrix]]:
    return list(scene.X_base_entrance.items())
