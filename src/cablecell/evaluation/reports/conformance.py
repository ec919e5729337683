"""The report of a conformance run: written once, signed by its content, read again by whoever wants to rely on it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cablecell.core.calibration.record import content_hash
from cablecell.core.errors import HardwareError
from cablecell.evaluation.conform import FAILED
from cablecell.evaluation.reports.document import ReportDocument, ReportFileError, ReportTable, number, write_document


class ConformanceReportError(HardwareError):
    """A conformance report is none, or was changed after it was signed."""

    code = 870


def require_new(path: Path) -> None:
    """Refuse to write a report over another one, before anything is done for it.

    Raises:
        ReportFileError: The name does not end in .json, or one of the two files is there (code 918).
    """
    if path.suffix.lower() != ".json":
        raise ReportFileError(
            f"a conformance report is a .json file, not '{path.name}'", quantity="file", value=path, limit=".json"
        )
    for one in (path, path.with_suffix(".html")):
        if one.exists():
            raise ReportFileError(f"{one} is there already; a report is not overwritten", quantity="file", value=one)


def write_report(path: Path, report: Mapping[str, Any]) -> None:
    """Write a report as JSON, and beside it as HTML.

    Raises:
        ReportFileError: It cannot be written (code 918).
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise ReportFileError(f"{path} cannot be written: {error.strerror}", quantity="file", value=path) from error
    write_document(path.with_suffix(".html"), conformance_report(report))


def read_report(path: Path) -> dict[str, Any]:
    """Return a report that is as it was signed.

    Raises:
        ConformanceReportError: It cannot be read, is none, or was changed (code 870).
    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConformanceReportError(
            f"{path} is no conformance report: {error}", quantity="file", value=path
        ) from error
    if not isinstance(report, dict) or report.get("kind") != "conformance":
        raise ConformanceReportError(f"{path} is no conformance report", quantity="file", value=path)
    found = content_hash(report)
    if found != report.get("sha256"):
        raise ConformanceReportError(
            f"{path} was changed after it was signed: its content has the hash {found}",
            quantity="sha256",
            value=found,
            limit=report.get("sha256", ""),
        )
    return report


def conformance_report(report: Mapping[str, Any]) -> ReportDocument:
    """Return a report for people."""
    checks = report["checks"]
    numbers = [
        (
            check["title"],
            one["what"],
            number(one["value"]),
            number(one["limit"]),
            one["unit"],
            "yes" if one["is_within"] else "NO",
        )
        for check in checks
        for one in check["measured"]
    ]
    robot = f"robot {report['serial']}" if report["serial"] else "serial number of the robot not stated"
    simulated = " Simulated: this says nothing about a real arm." if report["is_simulated"] else ""
    return ReportDocument(
        title=f"Conformance of hardware '{report['hardware']}'",
        verdict=report["verdict"],
        is_bad=report["verdict"] == FAILED,
        lines=(
            f"Done by {report['person']}, {report['begun']} to {report['ended']}; {robot}.{simulated}",
            f"cablecell {report['software']}; robot file {report['robot_file'] or 'none'}; address "
            f"{report['robot_ip'] or 'none'}.",
            f"Moved at most {report['pace']['stop_speed_rad_per_s']} rad/s, one joint only, where it was agreed to.",
            f"Signature (SHA-256 of everything else in the JSON file): {report['sha256']}",
            "Signed by hand: ______________________________",
        ),
        tables=[
            ReportTable(
                "Checks",
                ("what is kept", "state", "what moved", "remark"),
                [(check["title"], check["state"], check["motion"], check["remark"]) for check in checks],
                frozenset({1, 2, 3}),
            ),
            ReportTable(
                "Measured", ("check", "what", "value", "limit", "unit", "within"), numbers, frozenset({1, 4, 5})
            ),
        ],
    )
