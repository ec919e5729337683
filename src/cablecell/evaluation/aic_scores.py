"""`scoring.yaml`: the scores of a run by the AIC rubric, in the form of the challenge's engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from cablecell.evaluation.demo_trial import EMPTY_SERIES, Series, TrialRun, evaluate_trial, sorted_by_time

_CATEGORIES = {
    "contacts": "contacts",
    "duration": "duration",
    "insertion force": "force",
    "trajectory efficiency": "efficiency",
    "trajectory smoothness": "smoothness",
}
"""Names in the file, and those of the rubric's parts."""

FILE_NAME = "scoring.yaml"


@dataclass
class Heard:
    """What was heard of one trial; times are stamps, s.

    Attributes:
        states: Time, position of the tool centre point in the base (m), its velocity (m/s): seven numbers a row.
        tares: Time, and the force that is subtracted then, N: four numbers a row.
        forces: Time, and the force of the sensor, not tared, N: four numbers a row.
    """

    states: list[tuple[float, ...]] = field(default_factory=list)
    tares: list[tuple[float, ...]] = field(default_factory=list)
    forces: list[tuple[float, ...]] = field(default_factory=list)

    def series(self) -> Series:
        """Return it sorted, each force minus the tare that was the newest then."""
        if not self.states or not self.forces:
            return EMPTY_SERIES
        states, tares = sorted_by_time(self.states, 7), sorted_by_time(self.tares, 4)
        forces = sorted_by_time(self.forces, 4)
        newest = np.clip(np.searchsorted(tares[:, 0], forces[:, 0], side="right") - 1, 0, len(tares) - 1)
        return Series(forces[:, 0], forces[:, 1:] - tares[newest, 1:], states[:, 0], states[:, 1:4], states[:, 4:7])


def score_run(run: TrialRun, heard: Heard) -> dict[str, Any]:
    """Return the entry of a trial that was run.

    Args:
        run: What was seen of it. Its `end_s` is when the goal was over for whatever reason, and its `error_code` is 0
            only where the policy said that it succeeded, in time: nothing else earns bonuses or tier 3.
        heard: What was heard of it.
    """
    row = evaluate_trial(run, heard.series())
    parts: Mapping[str, float] = row["score_parts"]
    if not parts:
        return failed_entry(run.error_msg or "the trial was not run")
    facts = {
        "contacts": f"{row['offlimit_contacts']} contacts with enclosure or task board",
        "duration": f"{row['cycle_s']:.2f} s from goal to result",
        "insertion force": f"{row['over_20n_s'] or 0.0:.2f} s above 20 N, peak {row['peak_force_n'] or 0.0:.1f} N",
        "trajectory efficiency": "path of the tool against the distance at the start",
        "trajectory smoothness": "mean jerk of the tool while it moves",
    }
    categories = {name: {"score": _number(parts[part]), "message": facts[name]} for name, part in _CATEGORIES.items()}
    return {
        "tier_1": {"score": _number(parts["tier1"]), "message": "the model kept to the protocol"},
        "tier_2": {
            "score": _number(sum(parts[part] for part in _CATEGORIES.values())),
            "message": "how the arm moved",
            "categories": categories,
        },
        "tier_3": {"score": _number(parts["tier3"]), "message": _insertion(run, row)},
    }


def failed_entry(why: str) -> dict[str, Any]:
    """Return the entry of a trial that could not be run because of the model or the simulation."""
    nothing = {name: {"score": 0.0, "message": "not run"} for name in _CATEGORIES}
    return {
        "tier_1": {"score": 0.0, "message": why},
        "tier_2": {"score": 0.0, "message": "not run", "categories": nothing},
        "tier_3": {"score": 0.0, "message": "not run"},
    }


def total(entry: Mapping[str, Any]) -> float:
    """Return the score of a trial: the sum of its tiers."""
    return float(sum(entry[tier]["score"] for tier in ("tier_1", "tier_2", "tier_3")))


def write_scores(folder: Path, entries: Mapping[str, Mapping[str, Any]]) -> Path:
    """Write the file, over one that is there, and return where; keys are in alphabetical order."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE_NAME
    document = {"total": _number(sum(total(entry) for entry in entries.values())), **entries}
    path.write_text(yaml.safe_dump(document, sort_keys=True, allow_unicode=True), encoding="utf-8")
    return path


def _number(value: float) -> float:
    return round(float(value), 6)


def _insertion(run: TrialRun, row: Mapping[str, Any]) -> str:
    if run.error_code:
        return run.error_msg
    if row["inserted"]:
        return f"plug in {row['inserted']}; asked for was {run.target}"
    depth_mm, lateral_mm = 1e3 * row["depth_m"], 1e3 * row["lateral_m"]
    return f"no plug in a port: tip {depth_mm:.1f} mm below the entrance of {run.target}, {lateral_mm:.1f} mm beside"
