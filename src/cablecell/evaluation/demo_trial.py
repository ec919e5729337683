"""One trial of the demo as it was seen from outside, and what it is worth by the AIC rubric.

Everything here is computed after the fact, from a recording and from what the simulation knows to be true.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cablecell.evaluation.scoring import FORCE_LIMIT_N, TrialRecord, score_trial, time_over_force
from cablecell.records.reading import leading_numbers, read_messages

Array = NDArray[np.float64]

TARE_S = 0.1
"""The readings of this time from the start of a trial are averaged to the tare, s."""

WRENCH_TOPIC = "/wrench_raw"
STATE_TOPIC = "/controller_state"

PEAK_FORCE_MEANING = (
    "largest magnitude of the raw sensor force minus its mean over the first 0.1 s of the trial (the tare), "
    f"from {WRENCH_TOPIC} at the rate it is published, from accepting the job to its result, as in the AIC rubric"
)
SCORE_MEANING = "AIC rubric, our PyBullet cell"


@dataclass(frozen=True)
class TruthSample:
    """What the simulation said about the plug at one moment.

    Attributes:
        time_s: Stamp, s.
        trial: Trial whose scene it is about.
        is_seated: The plug has been at the bottom of the target for the dwell, and still is.
        inserted: Port in which the plug was seated, or empty.
        depth_m: Depth of the tip below the target's entrance, m.
        lateral_m: Distance of the tip from the target's axis, m.
        port_distance_m: Distance from the tip to the target's port frame, m.
        offlimit_contacts: Forbidden contacts so far.
    """

    time_s: float
    trial: str
    is_seated: bool
    inserted: str
    depth_m: float
    lateral_m: float
    port_distance_m: float
    offlimit_contacts: int


def parse_truth(text: str) -> TruthSample:
    """Return a message of `/sim/truth` as a sample.

    Raises:
        ValueError: The text is not what the simulation publishes.
    """
    try:
        data = json.loads(text)
        return TruthSample(
            time_s=float(data["stamp"]),
            trial=str(data["trial"]),
            is_seated=bool(data["seated"]),
            inserted=str(data["inserted"] or ""),
            depth_m=float(data["depth_m"]),
            lateral_m=float(data["lateral_m"]),
            port_distance_m=float(data["tip_port_distance_m"]),
            offlimit_contacts=int(data["offlimit_contacts"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"no truth of the simulation: {error!r} in {text[:120]}") from error


@dataclass(frozen=True)
class PhaseEntry:
    """One phase of the skill.

    Attributes:
        time_s: When it was entered, s.
        phase: Its name.
        reason: Why it was entered.
        attempt: Number of the attempt.
    """

    time_s: float
    phase: str
    reason: str
    attempt: int


@dataclass(frozen=True)
class Picture:
    """A camera picture.

    Attributes:
        time_s: Stamp of the image, s.
        caption: What it shows.
        camera: Topic it came from.
        jpeg: The picture.
    """

    time_s: float
    caption: str
    camera: str
    jpeg: bytes


@dataclass
class TrialRun:
    """What was seen of one trial.

    Attributes:
        trial: Name.
        target: Port that was asked for, "<module>/<port>".
        seed: Seed of the scene.
        start_s: When the job was accepted, s; None when it never was.
        end_s: When its result came, s; None when none came.
        error_code: Code of the result.
        error_msg: Text of the result, or why there is none.
        attempts: Attempts the cell reports.
        truth: Samples in order of time, up to after the settling.
        phases: Phases in order of time.
        pictures: Pictures in order of time.
    """

    trial: str
    target: str
    seed: int
    start_s: float | None = None
    end_s: float | None = None
    error_code: int = 0
    error_msg: str = ""
    attempts: int = 0
    truth: list[TruthSample] = field(default_factory=list)
    phases: list[PhaseEntry] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)

    @property
    def has_result(self) -> bool:
        """Whether the cell ran the job and gave an answer."""
        return self.start_s is not None and self.end_s is not None


@dataclass(frozen=True)
class Series:
    """Measurements of a time span; stamps of the messages, s.

    Attributes:
        force_t_s: Times of `force`, shape (k,).
        force: Raw sensor force, shape (k, 3), N.
        state_t_s: Times of `position` and `velocity`, shape (n,).
        position: Position of `tcp` in `base_link`, shape (n, 3), m.
        velocity: Velocity of `tcp`, shape (n, 3), m/s.
    """

    force_t_s: Array
    force: Array
    state_t_s: Array
    position: Array
    velocity: Array

    def between(self, start_s: float, end_s: float) -> Series:
        """Return the part of a time span, ends included."""
        f = (self.force_t_s >= start_s) & (self.force_t_s <= end_s)
        n = (self.state_t_s >= start_s) & (self.state_t_s <= end_s)
        return Series(self.force_t_s[f], self.force[f], self.state_t_s[n], self.position[n], self.velocity[n])

    def tared_force(self) -> Array:
        """Return the force minus its mean over the first `TARE_S`, shape (k, 3), N."""
        if len(self.force_t_s) == 0:
            return self.force
        begin = self.force_t_s <= self.force_t_s[0] + TARE_S
        return self.force - self.force[begin].mean(axis=0)


EMPTY_SERIES = Series(np.empty(0), np.empty((0, 3)), np.empty(0), np.empty((0, 3)), np.empty((0, 3)))


def read_series(recording: Path, window_ns: tuple[int, int] | None = None) -> Series:
    """Return forces and motion of a recording, sorted by stamp.

    Args:
        recording: The file.
        window_ns: Times of receipt between which it is read; the whole recording by default.

    Raises:
        RecordingError: The recording cannot be read (code 934).
    """
    wrench: list[Array] = []
    state: list[Array] = []
    for message in read_messages(recording, {WRENCH_TOPIC, STATE_TOPIC}, window_ns):
        if message.topic == WRENCH_TOPIC:
            stamp, numbers = leading_numbers(message.data, 3)
            wrench.append(np.concatenate(([stamp], numbers)))
        else:
            stamp, numbers = leading_numbers(message.data, 10)
            state.append(np.concatenate(([stamp], numbers[:3], numbers[7:10])))
    forces, states = sorted_by_time(wrench, 4), sorted_by_time(state, 7)
    return Series(forces[:, 0], forces[:, 1:], states[:, 0], states[:, 1:4], states[:, 4:])


def sorted_by_time(rows: Sequence[Sequence[float] | Array], width: int) -> Array:
    """Return rows that begin with a time in the order of their times, shape (n, width)."""
    table = np.array(rows) if rows else np.empty((0, width))
    ordered: Array = table[np.argsort(table[:, 0], kind="stable")]
    return ordered


def evaluate_trial(run: TrialRun, series: Series) -> dict[str, Any]:
    """Return the result row of a trial.

    Args:
        run: What was seen.
        series: Measurements of the whole demo.
    """
    last = run.truth[-1] if run.truth else None
    row: dict[str, Any] = {
        "trial": run.trial,
        "target": run.target,
        "seed": run.seed,
        "seated": last is not None and last.is_seated,
        "outcome": _outcome(run),
        "error_code": run.error_code,
        "error_msg": run.error_msg,
        "attempts": run.attempts,
        "cycle_s": None,
        "peak_force_n": None,
        "over_20n_s": None,
        "depth_m": last.depth_m if last is not None else None,
        "lateral_m": last.lateral_m if last is not None else None,
        "inserted": last.inserted or None if last is not None else None,
        "offlimit_contacts": last.offlimit_contacts if last is not None else 0,
        "score": 0.0,
        "score_parts": {},
        "phases": _phase_spans(run),
        "wrench_samples": 0,
        "wrench_gap_max_s": None,
    }
    if run.start_s is None or last is None:
        return row
    end_s = run.end_s if run.end_s is not None else last.time_s
    part = series.between(run.start_s, end_s)
    force = part.tared_force()
    row["cycle_s"] = end_s - run.start_s
    row["wrench_samples"] = len(force)
    if len(force):
        row["peak_force_n"] = float(np.linalg.norm(force, axis=1).max())
        row["over_20n_s"] = time_over_force(part.force_t_s, force, FORCE_LIMIT_N)
        edges = np.concatenate(([run.start_s], part.force_t_s, [end_s]))
        row["wrench_gap_max_s"] = float(np.diff(edges).max())
    score = score_trial(_record(run, last, part, force))
    row["score"] = score.total
    row["score_parts"] = {
        "tier1": score.tier1,
        "smoothness": score.smoothness,
        "duration": score.duration,
        "efficiency": score.efficiency,
        "force": score.force,
        "contacts": score.contacts,
        "tier3": score.tier3,
    }
    return row


def _outcome(run: TrialRun) -> str:
    is_seated = bool(run.truth) and run.truth[-1].is_seated
    if run.start_s is None:
        return "not_started"
    if run.end_s is None:
        return "no_result"
    if run.error_code:
        return "failed_but_seated" if is_seated else "failed"
    return "seated" if is_seated else "false_success"


def _phase_spans(run: TrialRun) -> list[dict[str, Any]]:
    """Return the phases with times since the start of the job."""
    if run.start_s is None or not run.phases:
        return []
    ends = [entry.time_s for entry in run.phases[1:]] + [run.end_s or math.inf]
    return [
        {
            "phase": entry.phase,
            "start_s": entry.time_s - run.start_s,
            "duration_s": None if math.isinf(end_s) else max(0.0, end_s - entry.time_s),
            "attempt": entry.attempt,
            "reason": entry.reason,
        }
        for entry, end_s in zip(run.phases, ends, strict=True)
    ]


def _record(run: TrialRun, last: TruthSample, part: Series, force: Array) -> TrialRecord:
    """Return what the rubric needs, in a frame whose z points out of the port.

    The rubric compares heights and sideways distances only, so the truth's depth, lateral and total distance carry
    all it asks for. Sideways, everything is put on x, which can only lower the score.
    """
    first = next((sample for sample in run.truth if run.start_s is None or sample.time_s >= run.start_s), last)
    below_m = math.sqrt(max(0.0, last.port_distance_m**2 - last.lateral_m**2))
    # The port frame lies below the entrance by the depth and what is left of the distance.
    height_m = last.depth_m + below_m
    return TrialRecord(
        is_valid_run=run.has_result,
        start_s=run.start_s or 0.0,
        end_s=run.end_s if run.error_code == 0 else None,
        velocity_t_s=part.state_t_s,
        velocity=part.velocity,
        position=part.position,
        force_t_s=part.force_t_s,
        force=force,
        offlimit_contacts=last.offlimit_contacts,
        target=run.target,
        inserted=last.inserted or None,
        plug_start=np.array([0.0, 0.0, first.port_distance_m]),
        plug_end=np.array([last.lateral_m, 0.0, height_m - last.depth_m]),
        port=np.zeros(3),
        entrance=np.array([0.0, 0.0, height_m]),
    )


def summarise_demo(rows: Iterable[dict[str, Any]]) -> dict[str, float]:
    """Return the flat summary of the results; every trial stays in the denominator.

    Raises:
        ValueError: There are no rows.
    """
    from cablecell.evaluation.bench import percentile, wilson_interval

    found = list(rows)
    seated = sum(bool(row["seated"]) for row in found)
    scores = [float(row["score"]) for row in found]
    forces = [row["peak_force_n"] for row in found if row["peak_force_n"] is not None]
    cycles = [row["cycle_s"] for row in found if row["cycle_s"] is not None]
    summary: dict[str, float] = {
        "trials": len(found),
        "seated": seated,
        "success_rate": seated / len(found) if found else 0.0,
        "wilson_low": wilson_interval(seated, len(found))[0],
        "score_mean": sum(scores) / len(scores),
        "score_min": min(scores),
        "offlimit_contacts": sum(int(row["offlimit_contacts"]) for row in found),
        "over_20n_max_s": max((row["over_20n_s"] for row in found if row["over_20n_s"] is not None), default=0.0),
        "false_success": sum(row["outcome"] == "false_success" for row in found),
    }
    # A number nobody measured is left out: JSON has no NaN.
    if forces:
        summary["peak_force_max_n"] = max(forces)
    if cycles:
        summary["cycle_median_s"] = percentile(cycles, 0.5)
    return summary
