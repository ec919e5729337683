"""Benchmark of perception: random boards seen by the wrist cameras, port poses judged against the truth.

Every scene has its own board pose, module position, layout and hand-eye errors, light, exposure, blur and noise, with
gripper, plug and cable in view. The estimator gets images, kinematics, calibrated mounts and the nominal layout.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
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
from cablecell.core.statistics import percentile
from cablecell.evaluation.bench import Progress, no_progress, wilson_interval
from cablecell.evaluation.perception_figures import draw as figures
from cablecell.evaluation.perception_scenes import CAMERAS, PerceptionScene, Variation, known_errors

__all__ = ["figures", "run", "run_scene", "summarise"]

Matrix = NDArray[np.float64]
STAGES = ("staging", "observed")
_FIGURES = (
    "error_m",
    "absolute_error_m",
    "lateral_error_m",
    "depth_error_m",
    "angle_error_rad",
    "sigma_m",
    "tip_seen_error_m",
    "tip_seen_lateral_error_m",
    "tip_seen_angle_error_rad",
    "tip_nominal_lateral_error_m",
    "plug_s",
)
Rows = list[dict[str, Any]]
Summary = dict[str, float]

_STAGING_HEIGHTS_M = (0.08, 0.05)
_OBSERVE_HEIGHT_M, _OBSERVE_LOOKS = 0.045, 3
"""Of the tip above the mouth: looks on the way to the staging pose, and those of `observe` from there."""
_COVERED_EVERY = 10  # scenes; in one of them something lies on the port


def run(*, n: int, seed: int, workers: int, progress: Progress = no_progress) -> tuple[Rows, Summary]:
    """Run the benchmark; interrupted, it ends with the scenes that are done.

    Args:
        n: Number of scenes.
        seed: Seed of everything random.
        workers: Processes that run scenes.
        progress: Told after every scene how many of how many are done.

    Returns:
        One row a scene, and the summary.

    Raises:
        KeyboardInterrupt: Interrupted before the first scene was done.
    """
    rows: Rows = []
    try:
        for row in _scenes(n, seed, workers):
            rows.append(row)
            progress(len(rows), n)
    except KeyboardInterrupt:
        if not rows:
            raise
    return rows, summarise(rows)


def _scenes(n: int, seed: int, workers: int) -> Iterator[dict[str, Any]]:
    """Yield the rows in order; closed or interrupted, it starts no scene more."""
    if workers == 1:
        for index in range(n):
            yield run_scene(index, seed)
        return
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_ignore_interrupts)
    try:
        yield from pool.map(run_scene, range(n), [seed] * n)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _ignore_interrupts() -> None:
    """Leave it to the parent to end: a terminal interrupts all processes at once."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def run_scene(index: int, seed: int) -> dict[str, Any]:
    """Return the row of one scene: look from home, on the way to the port, and then around the staging pose."""
    variation = Variation()
    configuration = EstimatorConfiguration(
        errors=known_errors(variation), looks=LookSettings(board_sigma_m=0.001, board_sigma_rad=0.005)
    )
    is_covered = index % _COVERED_EVERY == _COVERED_EVERY - 1
    scene = PerceptionScene(index, seed, configuration.errors, variation, is_covered=is_covered)
    viewer = Viewer(scene.rig, {name: CameraIntrinsics() for name in CAMERAS}, palm_outline())
    expected = ExpectedBoard(scene.X_base_board_expected, radius_m=0.08, turn_rad=0.35)
    estimator = PortEstimator(
        viewer,
        build_patches(load_fiducials()),
        scene.layout,
        modules=scene.modules,
        configuration=configuration,
        expected=expected,
    )
    estimator.hold(HeldPlug(scene.X_tcp_tip_nominal, scene.plug_body))
    estimator.focus([scene.target])
    row: dict[str, Any] = {
        "scene": index,
        "seed": seed,
        "port": scene.target,
        "connector": scene.connector,
        "is_covered": is_covered,
        "looks": 0,
        "render_s": 0.0,
        "frame_sets_s": [],
    }
    _look(estimator, scene, scene.X_base_home, row)
    first = estimator.port(scene.target, 0.0)
    if isinstance(first, PortEstimate):
        row["first_look_error_m"] = judge(first, scene)["error_m"]
    for height_m in _STAGING_HEIGHTS_M:
        _look_from_best(estimator, scene, height_m, row)
    row |= _judged("staging", estimator, scene, configuration)
    for _ in range(_OBSERVE_LOOKS):
        _look_from_best(estimator, scene, _OBSERVE_HEIGHT_M, row)
    row |= _judged("observed", estimator, scene, configuration)
    row["render_s"] /= row["looks"]
    estimate = estimator.port(scene.target, 0.0)
    if isinstance(estimate, NoEstimate):
        return {**row, "outcome": estimate.reason.value, "why": estimate.message}
    return {**row, "outcome": "estimated"}


def _look(estimator: PortEstimator, scene: PerceptionScene, X_base_tcp: Matrix, row: dict[str, Any]) -> None:
    scene.move(X_base_tcp)
    begun = time.perf_counter()
    regions = {name: region for name, region in estimator.regions(X_base_tcp, 0.0).items() if region is not None}
    frames = {name: scene.capture(name, region) for name, region in regions.items()}
    rendered = time.perf_counter()
    estimator.look(0.0, X_base_tcp, frames)
    row["render_s"] += rendered - begun
    row["frame_sets_s"].append(time.perf_counter() - rendered)
    row["looks"] += 1


def _look_from_best(estimator: PortEstimator, scene: PerceptionScene, height_m: float, row: dict[str, Any]) -> None:
    """Take one more look from the best pose near the one with the tip at a height above the port's mouth."""
    board = estimator.board(0.0)
    if isinstance(board, NoEstimate):
        mouth = scene.X_base_board_expected @ scene.layout[scene.target].X_board_entrance
    else:
        mouth = board.X_base_board @ estimator.place(board, scene.target).X_board_entrance
    X = scene.X_base_home.copy()
    tip = X @ scene.X_tcp_tip_nominal
    X[:3, 3] += mouth[:3, 3] - height_m * mouth[:3, 2] - tip[:3, 3]
    begun = time.perf_counter()
    choice = estimator.best_view(scene.target, X, 0.0)
    row["choice_s"] = time.perf_counter() - begun
    _look(estimator, scene, X if isinstance(choice, NoEstimate) else choice.X_base_tcp, row)


def _judged(
    stage: str, estimator: PortEstimator, scene: PerceptionScene, configuration: EstimatorConfiguration
) -> dict[str, Any]:
    """Return how good the estimates are now, with the name of the stage before every key."""
    estimate = estimator.port(scene.target, 0.0)
    if isinstance(estimate, NoEstimate):
        return {f"{stage}_outcome": estimate.reason.value}
    row = {**judge(estimate, scene), **judge_plug(estimator, scene, configuration)}
    return {f"{stage}_outcome": "estimated", **{f"{stage}_{key}": value for key, value in row.items()}}


def judge(estimate: PortEstimate, scene: PerceptionScene) -> dict[str, Any]:
    """Return how far an estimate is from the truth, in the axes of the true mouth.

    The truth is where the arm finds the port when it reaches for it; `absolute_error_m` is against the place in space.
    Of a round port the angle is that between the axes.
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
        "angle_error_rad": _angle(scene, estimate.name, X_true, estimate.X_base_entrance),
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
        place = estimator.place(state.board, scene.target)
        mouth = state.board.X_base_board @ place.X_board_entrance
        X_contact = mouth @ invert_pose(state.X_tcp_tip)
        X_base_mouth = scene.arm.in_arm_coordinates(scene.X_base_entrance[scene.target], X_contact)
        X_true = invert_pose(X_contact @ scene.X_tcp_tip) @ X_base_mouth
        X, covariance = port_in_tip(state, X_contact, place, configuration.errors)
        error = log_se3(invert_pose(X) @ X_true)
        offset = (invert_pose(X_true) @ X)[:3, 3]
        row |= {
            f"tip_{stage}_lateral_error_m": float(np.linalg.norm(offset[:2])),
            f"tip_{stage}_error_m": float(np.linalg.norm(offset)),
            f"tip_{stage}_angle_error_rad": _angle(scene, scene.target, X_true, X),
            f"tip_{stage}_nees": float(error @ np.linalg.solve(covariance, error)),
        }
    return row


def _angle(scene: PerceptionScene, port: str, X_true: Matrix, X: Matrix) -> float:
    """Return the angle between two poses of a port, of a round one that between the axes, rad."""
    if not scene.modules[port.rpartition("/")[0]].is_round:
        return angle_between(X_true[:3, :3], X[:3, :3])
    return float(np.arccos(np.clip(X_true[:3, 2] @ X[:3, 2], -1.0, 1.0)))


def summarise(rows: Rows) -> Summary:
    """Return the summary of all rows.

    Of open ports, one without an estimate counts against the rate of estimates and the rate of right ports, and is in
    no median. A covered port is right when it is not answered.
    """
    is_open = [row for row in rows if not row["is_covered"]]
    covered = [row for row in rows if row["is_covered"]]
    unanswered = sum(row.get("observed_outcome") != "estimated" for row in covered)
    frame_sets = [seconds for row in rows for seconds in row["frame_sets_s"]]
    summary: Summary = {
        "n": float(len(rows)),
        "open": float(len(is_open)),
        "covered": float(len(covered)),
        "covered_unknown_rate": unanswered / max(len(covered), 1),
        "frame_set_s": float(np.median(frame_sets)),
        "frame_set_p95_s": percentile(frame_sets, 0.95),
        "render_s": float(np.median([row["render_s"] for row in rows])),
        "choice_s": float(np.median([row.get("choice_s", 0.0) for row in rows])),
    }
    first = [row["first_look_error_m"] for row in is_open if "first_look_error_m" in row]
    summary["first_look_estimated_rate"] = len(first) / max(len(is_open), 1)
    for stage in STAGES:
        summary |= _summary_of(stage, stage, is_open)
        for family in sorted({row["connector"] for row in is_open}):
            of_family = [row for row in is_open if row["connector"] == family]
            summary |= _summary_of(stage, f"{stage}_{family}", of_family)
    return summary


def _summary_of(stage: str, name: str, rows: Rows) -> Summary:
    good = [row for row in rows if row.get(f"{stage}_outcome") == "estimated"]
    n, right = len(rows), sum(bool(row[f"{stage}_is_right_port"]) for row in good)
    low, high = wilson_interval(right, n)
    summary: Summary = {
        f"{name}_n": float(n),
        f"{name}_estimated_rate": len(good) / n,
        f"{name}_identity_rate": right / n,
        f"{name}_identity_wilson_low": low,
        f"{name}_identity_wilson_high": high,
        f"{name}_wrong_port_rate": (len(good) - right) / n,
    }
    if not good:
        return summary
    for key in _FIGURES:
        values = [row[f"{stage}_{key}"] for row in good]
        stem, _, unit = key.rpartition("_")
        summary[f"{name}_{stem}_median_{unit}"] = float(np.median(values))
        summary[f"{name}_{stem}_p95_{unit}"] = percentile(values, 0.95)
    nees_low, nees_high = chi2.ppf([0.025, 0.975], 6 * len(good)) / len(good)
    for key in ("nees", "tip_seen_nees"):
        mean = float(np.mean([row[f"{stage}_{key}"] for row in good]))
        summary[f"{name}_{key}_mean"] = mean
        summary[f"{name}_{key}_in_band"] = float(nees_low <= mean <= nees_high)
    summary[f"{name}_nees_band_low"], summary[f"{name}_nees_band_high"] = float(nees_low), float(nees_high)
    summary[f"{name}_plug_seen_rate"] = sum(row[f"{stage}_is_plug_seen"] for row in good) / n
    return summary


def _mouths(scene: PerceptionScene) -> list[tuple[str, Matrix]]:
    return list(scene.X_base_entrance.items())
