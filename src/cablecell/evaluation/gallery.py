"""The failures of a benchmark of insertions: reason, the command that does it again, and a picture strip."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cablecell.core.config.scenario import Scenario
from cablecell.evaluation.strip import encode, run_with_strip

Row = dict[str, Any]

STRIPS = 12
"""Failures that are done again for their strip; of more, only the command is given."""


@dataclass(frozen=True)
class Failure:
    """One failure as the page shows it.

    Attributes:
        title: Scenario, seed and outcome.
        reason: What the strategy said, and what was true.
        command: Does exactly this run again.
        png: The strip in base64; empty where none was drawn.
    """

    title: str
    reason: str
    command: str
    png: str


def make_gallery(rows: Sequence[Row], scenarios: Sequence[Scenario], folder: Path) -> list[Failure]:
    """Return what failed; write the scenarios that failed into a folder, so that the commands have what they name.

    The strips are spread over scenarios and outcomes: the first of each before the second of any.

    Args:
        rows: Of all runs.
        scenarios: That they are of.
        folder: Where the scenarios are written; it is made when there is a failure.
    """
    known = {scenario.content_hash: scenario for scenario in scenarios}
    failed = _first_of_each([row for row in rows if not row["success"] and row["scenario_hash"] in known])
    paths: dict[str, Path] = {}
    found = []
    for index, row in enumerate(failed):
        scenario = known[row["scenario_hash"]]
        path = paths.setdefault(scenario.content_hash, folder / f"{scenario.name}_{scenario.content_hash}.yaml")
        if not path.exists():
            write_scenario(path, scenario)
        strip = run_with_strip(scenario, row["seed"])[1] if index < STRIPS else None
        png = "" if strip is None else base64.b64encode(encode(strip)).decode()
        found.append(Failure(_title(row), _reason(row), replay_command(path, row["seed"]), png))
    return found


def write_scenario(path: Path, scenario: Scenario) -> None:
    """Write a scenario as a file that is read back with the same hash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(scenario.model_dump(mode="json"), sort_keys=False), encoding="utf-8")


def replay_command(path: Path, seed: int) -> str:
    """Return the command that runs one seed of a scenario file and draws its strip."""
    return f"./cell rollout {shlex.quote(str(path))} --n 1 --seed {seed} --strip {seed}.png"


def _first_of_each(rows: Sequence[Row]) -> list[Row]:
    """Return the rows in rounds: one of every scenario and outcome, then another of each."""
    counts: dict[tuple[str, str], int] = {}
    rounds = []
    for row in rows:
        key = row["scenario_hash"], row["outcome"]
        rounds.append(counts.get(key, 0))
        counts[key] = counts.get(key, 0) + 1
    return [row for _, row in sorted(zip(rounds, rows, strict=True), key=lambda pair: pair[0])]


def _title(row: Mapping[str, Any]) -> str:
    what = [str(row["scenario"])]
    if row.get("strategy", "hybrid") != "hybrid":
        what.append(str(row["strategy"]))
    if "offset_m" in row:
        what.append(f"{1e3 * row['offset_m']:g} mm")
    if "clearance_m" in row:
        what.append(f"{1e6 * row['clearance_m']:.0f} µm a side")
    return f"{', '.join(what)}, seed {row['seed']}: {row['outcome']}"


def _reason(row: Mapping[str, Any]) -> str:
    truth = "seated" if row["seated"] else f"not seated, {1e3 * row['depth_m']:.1f} mm deep"
    said = row["reason"]
    if row["false_success"]:
        return f"FALSE SUCCESS. Said: {said}. True: {truth}."
    if row["false_failure"]:
        return f"FALSE FAILURE. Said: {said}. True at the end: {truth}; it had been seated."
    return f"{said}. True at the end: {truth}."
