"""Benchmark of the watch over cameras and force sensor: every kind of fault, how soon it is found, and false alarms.

Images are rendered once for a cell and get the noise of the simulated sensor anew every time; a force sensor at rest is
the simulated one with drift, noise and steps of its resolution. Faults begin at a random time.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cablecell.configuration import load_fiducials, load_simulation
from cablecell.core.fusion.wrench_health import WrenchFault, WrenchHealth
from cablecell.core.perception.fiducials import build_patches
from cablecell.core.perception.stream_health import ArrivedImage, StreamFault, StreamHealth
from cablecell.core.perception.stream_order import find_swapped
from cablecell.evaluation.bench import percentile
from cablecell.evaluation.calibration_cell import CalibrationCell, corners_of
from cablecell.ports import WrenchSample
from cablecell.simulation.camera import degrade
from cablecell.simulation.camera_errors import draw_cameras
from cablecell.simulation.wrench_sensor import WrenchErrors

Matrix = NDArray[np.float64]
Row = dict[str, Any]
Summary = dict[str, float]

STREAM_FAULTS = {
    "frozen": 581,
    "black": 582,
    "saturated": 583,
    "future_stamp": 584,
    "stale_stamp": 584,
    "stopped_stamp": 584,
    "wrong_size": 585,
    "silent": 587,
}
WRENCH_FAULTS = {"stuck_axis": 591, "all_stuck": 591, "drift_2_n_per_s": 592, "drift_5_n_per_s": 592, "silent_ft": 593}
_RATE_HZ, _LATENCY_S, _JITTER_S = 10.0, 0.04, 0.03
_WRENCH_HZ = 100.0
_BEFORE_S, _AFTER_S = (3.0, 4.0), 2.0
_QUIET_S = 120.0
_OVEREXPOSED = 10.0
_ROWS = slice(400, 640)
_WEIGHT = (0.0, 0.0, -14.0, 0.1, 0.2, 0.0)


def run(*, n: int, seed: int, workers: int) -> tuple[list[Row], Summary]:
    """Run the benchmark.

    Args:
        n: Repetitions of every kind of fault.
        seed: Of everything random.
        workers: One process runs all, whatever is said here.

    Returns:
        One row a fault, or a quiet time, and the summary.
    """
    cell = CalibrationCell(seed)
    views = cell.frames(cell.X_base_home)
    camera = draw_cameras(load_simulation().cameras, cell.mounts, seed)["center"].image
    ideal = views["center"].pixels[_ROWS]
    rows: list[Row] = [_swapped(cell, views)]
    for index in range(n):
        rng = np.random.default_rng([seed, index])
        rows += [_stream(kind, code, ideal, camera, rng) for kind, code in STREAM_FAULTS.items()]
        rows += [_wrench(kind, code, rng) for kind, code in WRENCH_FAULTS.items()]
        rows += [_stream("", 0, ideal, camera, rng), _wrench("", 0, rng)]
    return rows, summarise(rows)


def summarise(rows: list[Row]) -> Summary:
    """Return the summary: detection times over all faults and by kind, and false alarms in an hour."""
    faults, quiet = [row for row in rows if row["code"]], [row for row in rows if not row["code"]]
    found = [row for row in faults if row["is_found"]]
    summary: Summary = {
        "faults": float(len(faults)),
        "found_rate": len(found) / len(faults),
        "found_in_half_a_second_rate": sum(row["detected_s"] <= 0.5 for row in found) / len(faults),
        "detected_p95_s": percentile([row["detected_s"] for row in found], 0.95),
        "detected_max_s": max((row["detected_s"] for row in found), default=float("nan")),
    }
    for kind in dict.fromkeys(row["kind"] for row in faults):
        times = [row["detected_s"] if row["is_found"] else float("inf") for row in faults if row["kind"] == kind]
        summary[f"{kind}_median_s"], summary[f"{kind}_max_s"] = percentile(times, 0.5), max(times)
    for what in ("camera", "wrench"):
        hours = sum(row["watched_s"] for row in rows if row["what"] == what) / 3600.0
        summary[f"{what}_quiet_h"] = hours
        summary[f"{what}_false_alarms"] = float(sum(row["false_alarms"] for row in rows if row["what"] == what))
    summary["quiet_runs"] = float(len(quiet))
    return summary


def _row(kind: str, what: str, code: int, begun_s: float, faults: list[tuple[int, float]], watched_s: float) -> Row:
    early = [fault for fault in faults if not code or fault[1] < begun_s]
    after = [fault for fault in faults if code and fault[1] >= begun_s]
    is_found = bool(after) and after[0][0] == code
    return {
        "kind": kind,
        "what": what,
        "code": code,
        "is_found": is_found,
        "found_code": after[0][0] if after else 0,
        "detected_s": after[0][1] - begun_s if after else None,
        "false_alarms": len(early),
        "watched_s": watched_s,
    }


def _stream(kind: str, code: int, ideal: NDArray[np.uint8], camera: Any, rng: np.random.Generator) -> Row:
    begun_s = float(rng.uniform(*_BEFORE_S)) if kind else _QUIET_S
    end_s = begun_s + (_AFTER_S if kind else 0.0)
    health, found = StreamHealth(["center"]), list[StreamFault]()
    health.open(0.0)
    kept, exposure_s = ideal, 0.0
    while (exposure_s := exposure_s + 1.0 / _RATE_HZ) < end_s:
        arrival_s = exposure_s + _LATENCY_S + float(rng.uniform(0.0, _JITTER_S))
        # The watch is asked at 20 Hz whether a camera fell silent.
        found += health.look(exposure_s) + health.look(exposure_s + 0.5 / _RATE_HZ)
        is_broken = exposure_s >= begun_s
        if is_broken and kind == "silent":
            continue
        stamp_s, pixels = exposure_s, degrade(ideal, camera, rng)
        if not is_broken:
            kept = pixels
        elif kind == "frozen":
            pixels = kept
        elif kind == "black":
            pixels = degrade(np.zeros_like(ideal), camera, rng)
        elif kind == "saturated":
            pixels = degrade(ideal, camera.model_copy(update={"exposure": _OVEREXPOSED}), rng)
        elif kind == "future_stamp":
            stamp_s += 0.4
        elif kind == "stale_stamp":
            stamp_s -= 1.2
        elif kind == "stopped_stamp":
            stamp_s = begun_s
        elif kind == "wrong_size":
            pixels = pixels[: len(pixels) // 2]
        image = ArrivedImage(stamp_s, pixels, (ideal.shape[1], ideal.shape[0]))
        fault = health.add("center", arrival_s, image)
        if fault is not None:
            found.append(fault)
    faults = [(fault.error.code, fault.detected_s) for fault in found]
    return _row(kind or "quiet", "camera", code, begun_s, faults, min(begun_s, end_s))


def _wrench(kind: str, code: int, rng: np.random.Generator) -> Row:
    begun_s = float(rng.uniform(*_BEFORE_S)) if kind else _QUIET_S
    end_s = begun_s + (_AFTER_S if kind else 0.0)
    settings = load_simulation().wrench_sensor
    sensor = WrenchErrors(settings, random.Random(int(rng.integers(1 << 30))))
    health, found, q = WrenchHealth(), list[WrenchFault](), np.zeros(6)
    axis, kept, stamp_kept = int(rng.integers(6)), np.zeros(6), 0.0
    every = round(settings.rate_hz / _WRENCH_HZ)
    for tick in range(round(end_s * settings.rate_hz)):
        now_s = (tick + 1) / settings.rate_hz
        sensor.update(now_s, _WEIGHT)
        if tick % every:
            continue
        values, stamp_s = np.array(sensor.reading), now_s
        if now_s < begun_s:
            kept, stamp_kept = values, now_s
        elif kind == "stuck_axis":
            values[axis] = kept[axis]
        elif kind == "all_stuck":
            values = kept
        elif kind.startswith("drift"):
            rate = float(kind.split("_")[1]) * (1.0 if axis < 3 else 0.06)
            values[axis] += rate * (now_s - begun_s)
        elif kind == "silent_ft":
            values, stamp_s = kept, stamp_kept
        fault = health.step(now_s, WrenchSample(stamp_s, values[:3], values[3:]), q, is_held=True)
        if fault is not None:
            found.append(fault)
    faults = [(fault.error.code, fault.detected_s) for fault in found]
    return _row(kind or "quiet", "wrench", code, begun_s, faults, min(begun_s, end_s))


def _swapped(cell: CalibrationCell, frames: Any) -> Row:
    """Give the left camera's image to the right one and the other way round; also see that the true order passes."""
    patches = build_patches(load_fiducials())
    seen = corners_of(frames, patches)
    X_expected = cell.X_base_board
    quiet = find_swapped(seen, cell.mounts, cell.X_base_home, X_expected)
    exchanged = {**seen, "left": seen["right"], "right": seen["left"]}
    error = find_swapped(exchanged, cell.mounts, cell.X_base_home, X_expected)
    faults = [(0, -1.0)] * (quiet is not None) + ([] if error is None else [(error.code, 1.0 / _RATE_HZ + _LATENCY_S)])
    return _row("swapped", "camera", 586, 0.0, faults, 0.0)
