"""Every text of the console, in one table."""

from __future__ import annotations

from collections.abc import Mapping

ENGLISH: Mapping[str, str] = {
    "login.title": "{cell}: log in",
    "login.name": "Your name, for the record of commands",
    "login.token": "Token",
    "login.enter": "Log in",
    "login.hint": "The tokens are in the file that the console names when it starts.",
    "header.sim": "SIM",
    "header.real": "REAL",
    "header.nobody": "NO CELL",
    "header.stop": "STOP",
    "header.software": "software, not safety-rated",
    "header.theme": "Dark or light",
    "header.logout": "Log out",
    "role.viewer": "viewer",
    "role.operator": "operator",
    "role.engineer": "engineer",
    "mode.production": "production",
    "mode.maintenance": "maintenance",
    "mode.manual": "manual",
    "page.overview": "Overview",
    "page.jobs": "Jobs",
    "page.alarms": "Alarms",
    "page.teleop": "Teleop",
    "page.diagnostics": "Diagnostics",
    "command.start": "Start",
    "command.hold": "Hold",
    "command.unhold": "Unhold",
    "command.stop": "Stop",
    "command.reset": "Reset",
    "command.clear": "Clear",
    "start.title": "Start a job",
    "start.recipe": "Recipe",
    "start.yes": "Start",
    "start.no": "Not now",
    "done.stop_arm": "The arm is stopped, the cell aborted. Clear lets it go on.",
    "done.release_stop": "The arm is out of its stop.",
    "done.mode": "The mode is {mode}.",
    "done.start": "{recipe} is started.",
    "done.add_job": "{job} is in the queue.",
    "done.change_job": "{job} is {state}.",
    "done.acknowledge": "Acknowledged: {cause}",
    "done.packml": "{command}: accepted.",
    "done.teleop_enable": "Teleoperation is enabled.",
    "done.teleop_disable": "Teleoperation is disabled.",
    "done.tare": "The present force is zero now.",
    "overview.camera": "Wrist camera: green was seen, yellow is the design of the board",
    "overview.job": "{recipe}: {status}",
    "overview.no_job": "No job yet",
    "overview.steps": "{done} of {all} steps {step}",
    "overview.force": "Contact force: least and largest of each 0.1 s",
    "overview.last": "Last insertions",
    "phase.look": "Look",
    "phase.approach": "Approach",
    "phase.contact": "Contact",
    "phase.search": "Search",
    "phase.insert": "Insert",
    "phase.verify": "Verify",
    "phase.retreat": "Retreat",
    "job.unknown": "unknown",
    "job.queued": "queued",
    "job.running": "running",
    "job.held": "held",
    "job.succeeded": "succeeded",
    "job.failed": "failed",
    "job.cancelled": "cancelled",
    "insertion.when": "When",
    "insertion.step": "Step",
    "insertion.outcome": "Outcome",
    "insertion.force": "Peak force",
    "insertion.depth": "Depth",
    "insertion.duration": "Time",
    "insertion.seated": "seated",
}
"""Texts by their keys; parts in braces are filled in."""


def say(key: str, **parts: object) -> str:
    """Return a text.

    Raises:
        KeyError: There is none of this key.
    """
    return ENGLISH[key].format(**parts)
