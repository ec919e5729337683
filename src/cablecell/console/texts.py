"""Every text of the console: English in one table here, other languages in files beside it (`languages/*.yaml`).

The language is that of whoever looks: of the page that is drawn, whose request says what the browser wants, or of
the person in whose name something is done (`speaking`). Where a language lacks a text it is said in English.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from importlib import resources

import yaml
from nicegui.slot import Slot

LANGUAGES: Mapping[str, str] = {"en": "English", "de": "Deutsch", "es": "Español"}
"""Languages by their codes, as they call themselves."""

LANGUAGE = "cablecell_language"
"""Cookie in which a browser keeps what it was told to speak."""

_spoken: ContextVar[str] = ContextVar("spoken", default="")

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
    "mode.to_production": "Mode: production",
    "mode.to_maintenance": "Mode: maintenance",
    "page.overview": "Overview",
    "page.jobs": "Jobs",
    "page.quality": "Quality",
    "page.oee": "OEE",
    "page.calibration": "Calibration",
    "page.settings": "Settings",
    "page.alarms": "Alarms",
    "page.teleop": "Teleop",
    "page.diagnostics": "Diagnostics",
    "command.start": "Start",
    "command.hold": "Hold",
    "command.unhold": "Unhold",
    "command.stop": "Stop",
    "command.reset": "Reset",
    "command.clear": "Clear",
    "command.release_stop": "Release a stop of the arm",
    "command.tare": "Tare the force sensor",
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
    "done.roll_back": "{kind}: record {number} is taken from the next start of the cell on.",
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
    "insertion.running": "begun",
    "jobs.no_ledger": "This cell keeps no ledger: it has no queue and no history.",
    "jobs.no_ledger_hint": "Start it with ledger:=FILE. A single job starts with the button Start above.",
    "jobs.add": "Put a job into the queue",
    "jobs.name": "Name, or empty",
    "jobs.serials": "Serials of parts, or empty",
    "jobs.priority": "Priority",
    "jobs.put": "Add",
    "jobs.hint": "A cell started with queue:=true takes jobs out of the queue by itself. Recipes have to be released.",
    "jobs.queue": "Queue",
    "jobs.history": "Insertions, newest first",
    "jobs.pause": "Pause",
    "jobs.resume": "Resume",
    "jobs.cancel": "Cancel",
    "jobs.retry": "Retry",
    "column.job_id": "Job",
    "column.recipe": "Recipe",
    "column.state": "State",
    "column.priority": "Priority",
    "column.serials": "Serials",
    "column.requester": "By",
    "column.error": "Error",
    "column.actions": "",
    "column.when": "When",
    "column.step": "Step",
    "column.outcome": "Outcome",
    "column.attempts": "Attempts",
    "column.force": "Peak force",
    "column.depth": "Depth",
    "column.duration": "Time",
    "column.begun": "Begun",
    "column.ended": "Ended",
    "column.source": "Source",
    "column.code": "Code",
    "column.cause": "Cause",
    "column.seen": "Acknowledged by",
    "column.who": "Who",
    "column.command": "Command",
    "column.result": "Result",
    "column.level": "Level",
    "column.component": "Component",
    "column.message": "Message",
    "column.age": "Age",
    "column.number": "No.",
    "column.serial": "Serial",
    "column.connector": "Connector",
    "column.port": "Port",
    "column.flags": "Flags",
    "column.kind": "Kind",
    "column.taken": "Taken",
    "column.expires": "Good until",
    "column.worst": "Nearest to its limit",
    "column.cell": "Cell",
    "column.arm": "Arm",
    "column.method": "Method",
    "column.software": "Software",
    "column.sha256": "SHA-256",
    "column.parameter": "Parameter",
    "column.value": "Value",
    "column.unit": "Unit",
    "column.meaning": "Meaning",
    "report.html": "Report HTML",
    "report.pdf": "PDF",
    "flag.failed": "failed",
    "flag.force": "over force",
    "flag.found": "not watched to its end",
    "flag.again": "more than one attempt",
    "quality.any_connector": "Every connector",
    "quality.all": "All parts",
    "quality.search": "Serial, job, step or port",
    "quality.choose": "Choose a part",
    "quality.seated": "{count} seated",
    "quality.failed": "{count} failed",
    "quality.first": "{share} at once and without a flag",
    "quality.title": "No. {number}: {connector} into {port}",
    "quality.curve": "Force over depth of the tip below the entrance",
    "quality.axial": "along the axis",
    "quality.side": "across it",
    "quality.no_curve": "No recording has its force over depth: start the cell with record:=FILE.",
    "quality.history": "Largest force of each {connector}: green is seated, the dashed line is what it bears",
    "oee.hours": "{hours} h",
    "oee.all": "all",
    "oee.nothing": "Nothing happened in this time.",
    "oee.oee": "OEE",
    "oee.availability": "Availability",
    "oee.effectiveness": "Effectiveness",
    "oee.quality_ratio": "Quality ratio",
    "oee.first_pass_yield": "First pass yield",
    "oee.parts": "Parts",
    "oee.good_parts": "Good parts",
    "oee.parts_per_hour": "Good parts per hour",
    "oee.cycle_median_s": "Cycle, median",
    "oee.cycle_p95_s": "Cycle, 95 % below",
    "oee.planned_busy_s": "Planned time",
    "oee.production_s": "Time producing",
    "oee.failures": "Failures",
    "oee.mtbf_s": "Time between failures",
    "oee.mttr_s": "Time to repair",
    "oee.energy_per_good_part_j": "Energy of the joints per good part",
    "oee.times": "What the cell did",
    "oee.stops": "What kept it from producing; the line is the share so far",
    "oee.no_stops": "Nothing kept it from producing.",
    "oee.figures": "Key figures",
    "oee.norm": "By ISO 22400-2, from the ledger alone; planned is what was in production mode.",
    "calibration.camera": "Lenses",
    "calibration.handeye": "Camera mounts",
    "calibration.plug": "Plug in the gripper",
    "calibration.wrench": "Force sensor",
    "calibration.used": "The cell was started",
    "calibration.with": "with a record: {kind}",
    "calibration.without": "without: {kind}",
    "calibration.none": "No records: the cell uses what its description says. Start it with calibration:=FOLDER.",
    "calibration.choose": "Choose a record",
    "calibration.residuals": "Residuals over their limits (dashed); SI units, by the end of the name",
    "calibration.back": "Use this record again",
    "calibration.back_hint": "For engineers, and for records that passed. Nothing is deleted.",
    "calibration.sure": "{kind}: use record {number} from the next start of the cell on?",
    "calibration.yes": "Use it",
    "calibration.damaged": "damaged",
    "calibration.failed": "failed",
    "calibration.expired": "expired",
    "calibration.foreign": "of another cell",
    "calibration.in_use": "in use",
    "calibration.kept": "kept",
    "theme.auto": "as the browser",
    "theme.light": "light",
    "theme.dark": "dark",
    "settings.started": "The cell was started with",
    "settings.started_hint": "These change with the arguments of the next start, and nowhere else.",
    "settings.empty": "none",
    "settings.packaged": "those of the package",
    "settings.hardware": "Machine",
    "settings.cell_id": "Name for records",
    "settings.ledger_file": "Ledger",
    "settings.recording_file": "Recording",
    "settings.recipes_folder": "Folder of recipes",
    "settings.recipes": "Recipes",
    "settings.trials_file": "Layouts",
    "settings.camera": "Records of lenses",
    "settings.handeye": "Records of camera mounts",
    "settings.plug": "Records of the plug",
    "settings.wrench": "Records of the force sensor",
    "settings.zones_file": "Zones of people",
    "settings.host": "Address of the console",
    "settings.session_hours": "Length of a login",
    "settings.force_lines": "Lines of the force chart",
    "settings.browser": "This browser",
    "settings.language": "Language",
    "settings.zones": "Zones of people and speed",
    "settings.no_zones": "No zones: the cell was started without zones:=FILE.",
    "settings.holds": "stops the arm",
    "settings.slows": "slows it to {share}",
    "settings.speed": "speed now {share}",
    "settings.unsafe": "Zones are software, not safety-rated.",
    "settings.versions": "Versions",
    "settings.parameters": "Parameters of the nodes",
    "settings.node": "Node",
    "settings.changed": "only what is not the default",
    "settings.counted": "{changed} of {all} are not the default",
    "settings.no_nodes": "No node of a cell is there.",
    "settings.parameters_hint": "As the nodes have them now; they change at the next start only.",
    "level.ok": "OK",
    "level.warn": "WARN",
    "level.error": "ERROR",
    "level.stale": "STALE",
    "diagnostics.choose": "Choose a component",
    "done.teleop_menu": "{entry}",
    "done.teleop_look": "The ports were looked at.",
    "done.assist_on": "The assist is on.",
    "done.assist_off": "The assist is off.",
    "teleop.absent": "not there: start with teleop:=true",
    "teleop.disabled": "disabled",
    "teleop.enabling": "enabling",
    "teleop.ready": "ready",
    "teleop.moving": "moving",
    "teleop.paused": "paused",
    "teleop.enable": "Enable",
    "teleop.disable": "Disable",
    "teleop.speed": "Speed",
    "teleop.snap": "Snap to tool",
    "teleop.look": "Look",
    "teleop.assist": "Assist",
    "teleop.snapped": "snapped to {port}",
    "teleop.holder": "held by {who}",
    "teleop.leash": "Leash {mm} of {limit} mm",
    "teleop.force": "Force {n} of {limit} N",
    "teleop.limits": "Limited by {what}",
    "teleop.hold": "Hold to move",
    "teleop.tool": "tool",
    "teleop.base": "base",
    "teleop.hint": "Or hold a key, or drag the handle. The arm moves only while you hold and this page is alive.",
    "limit.speed": "speed",
    "limit.leash": "leash",
    "limit.box": "workspace",
    "limit.force": "contact",
    "limit.retract": "contact: only away from it",
    "alarms.active": "Active alarms",
    "alarms.none": "Nothing wants attention.",
    "alarms.history": "Over and acknowledged",
    "alarms.audit": "Commands given at this console",
    "alarms.stands": "stands",
    "alarms.over": "over",
    "alarms.acknowledge": "Acknowledge",
    "alarms.seen_by": "seen by {who}",
    "alarms.first": "First: {what}",
    "alarms.done": "done",
    "alarms.count": "{count} times",
    "action.reach": "The arm cannot reach that: check that the board stands where the layout has it.",
    "action.path": "Look what stands in the way of the arm, move it out, then Reset.",
    "action.contact": "Look what the tool touches; free it by teleoperation, then Clear and Reset.",
    "action.stopped": "Somebody stopped the arm. Find out why; then Clear and Reset.",
    "action.restart": "A node is gone: read its last lines in the terminal, then start the cell again.",
    "action.motion": "Look at the arm: is anything holding it? Then Clear and Reset.",
    "action.look": "Clean the lens, check the light, and that nothing covers the board; then start the job again.",
    "action.recipe": "Check the recipe and the names in it.",
    "action.plug": "Look whether the plug is in the gripper as it should be; put it in again.",
    "action.cable": "Look at the cable: free it where it is caught.",
    "action.insertion": "Look at plug and port for damage and dirt; then try the job again.",
    "action.camera": "Check the cable and the mount of the camera.",
    "action.sensor": "Check the force sensor and its cable; tare it while nothing touches the tool.",
    "action.calibration": "Check what may have been knocked, and calibrate again where it was.",
    "action.taken": "Somebody has the arm by teleoperation: disable it there, then go on.",
    "action.disk": "The ledger cannot be written: make room on the disk.",
    "action.answer": "Look at the port: is the plug seated? Answer with `./cell job found`.",
    "action.teleop": "Read why teleoperation refuses; bring the tool into the workspace, or enable it again.",
    "action.robot": "Look at the robot's own panel: it says why it does not move.",
    "action.log": "Read the reason, and the last lines in the terminal.",
}
"""Texts by their keys; parts in braces are filled in."""


def say(key: str, **parts: object) -> str:
    """Return a text in the language of whoever looks.

    Raises:
        KeyError: There is none of this key.
    """
    return (texts_of(language()).get(key) or ENGLISH[key]).format(**parts)


@lru_cache(maxsize=len(LANGUAGES))
def texts_of(code: str) -> Mapping[str, str]:
    """Return the texts of a language, without what it leaves to English."""
    if code == "en":
        return ENGLISH
    file = resources.files("cablecell.console").joinpath(f"languages/{code}.yaml")
    texts: dict[str, str] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return texts


@lru_cache(maxsize=256)
def choose_language(told: str, accepted: str) -> str:
    """Return the code of the language for a browser.

    Args:
        told: What a person has chosen; anything that is no language leaves it to the browser.
        accepted: The browser's `Accept-Language`, such as `de-CH, en;q=0.5`.
    """
    if told in LANGUAGES:
        return told
    wishes = []
    for place, part in enumerate(accepted.split(",")[:20]):
        name, _, weight = part.partition(";q=")
        try:
            wishes.append((-float(weight or 1.0), place, name.strip().lower().partition("-")[0]))
        except ValueError:
            continue
    return next((code for weight, _, code in sorted(wishes) if code in LANGUAGES and weight < 0.0), "en")


def language() -> str:
    """Return the code of the language that is spoken here and now."""
    told = _spoken.get()
    if told:
        return told
    stack = Slot.get_stack()
    request = stack[-1].parent.client._request if stack else None
    if request is None:
        return "en"
    return choose_language(request.cookies.get(LANGUAGE, ""), request.headers.get("accept-language", ""))


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """Say everything in a language, also what threads say that are started from here."""
    token = _spoken.set(code)
    try:
        yield
    finally:
        _spoken.reset(token)
