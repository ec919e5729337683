"""The report of a demo: one HTML file that needs nothing beside it."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Mapping, Sequence
from importlib import resources
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from cablecell.evaluation.demo_trial import Picture, Series, TrialRun
from cablecell.evaluation.live_view import number
from cablecell.evaluation.report_plots import force_depth_figure, force_time_figure

LIBRARIES = ("ros-rclpy", "pybullet", "pin", "ompl", "ruckig", "opencv-python-headless", "numpy", "mcap")


def write_report(path: Path, document: Mapping[str, Any], runs: Sequence[TrialRun], series: Series) -> None:
    """Write the report.

    Args:
        path: File to write.
        document: What `results.json` holds.
        runs: What was seen of the trials, in the order of `document["results"]`.
        series: Measurements of the whole demo.
    """
    path.write_text(render_report(document, runs, series), encoding="utf-8")


def render_report(document: Mapping[str, Any], runs: Sequence[TrialRun], series: Series) -> str:
    """Return the report as HTML."""
    from jinja2 import Environment

    template = resources.files("cablecell.evaluation").joinpath("templates/report.html.j2").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["number"] = number
    environment.filters["clock"] = _clock
    by_name = {run.trial: run for run in runs}
    trials = [_trial(row, by_name.get(row["trial"]), series) for row in document["results"]]
    return environment.from_string(template).render(
        document=document,
        trials=trials,
        versions=_versions(),
        settings=_flat(document["settings"]),
        machine=_flat(document["machine"]),
        created=datetime.datetime.now().astimezone().isoformat(sep=" ", timespec="seconds"),
    )


def _trial(row: Mapping[str, Any], run: TrialRun | None, series: Series) -> dict[str, Any]:
    found: dict[str, Any] = {"row": row, "force_time": "", "force_depth": "", "pictures": []}
    if run is not None:
        found["force_time"] = force_time_figure(run, series)
        found["force_depth"] = force_depth_figure(run, series)
        found["pictures"] = [_picture(picture, run) for picture in run.pictures]
    return found


def _picture(picture: Picture, run: TrialRun) -> dict[str, Any]:
    data = base64.b64encode(picture.jpeg).decode()
    return {
        "source": f"data:image/jpeg;base64,{data}",
        "caption": picture.caption,
        "camera": picture.camera,
        "time_s": picture.time_s,
        "after_s": None if run.start_s is None else picture.time_s - run.start_s,
    }


def _clock(time_s: float) -> str:
    return datetime.datetime.fromtimestamp(time_s).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _versions() -> dict[str, str]:
    found = {"cablecell": version("cablecell")}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue  # from a ROS install, or not used here
    return found


def _flat(values: Mapping[str, Any]) -> dict[str, str]:
    return {key: ", ".join(map(str, value)) if isinstance(value, list) else str(value) for key, value in values.items()}
