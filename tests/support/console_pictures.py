"""Pictures of every page of the console for the documentation: `python -m tests.support.console_pictures [PAGE ...]`.

Starts a cell in simulation, lets it do a job, and photographs its console in a browser, in the sizes of a screen and
of a tablet, some in the dark as well. Complains of what sticks out to the side and of text that is cut off. Rewrites
`docs/images/console/`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection
from pathlib import Path

from cablecell.console.sessions import Role, load_tokens
from cablecell.installation import environment
from tests.support.browser import Page, open_page
from tests.support.cell_launch import launch_cell, take_down
from tests.support.domains import private_domain
from tests.support.wait import wait_until

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "images" / "console"
SIZES = ((1280, 800), (820, 1180))
PAGES = {"overview": "/"} | {
    name: f"/{name}"
    for name in ("jobs", "quality", "oee", "alarms", "teleop", "diagnostics", "calibration", "settings")
}
READY = {
    "quality": "document.querySelectorAll('canvas').length > 1",
    "oee": "document.querySelectorAll('svg rect').length > 2",
    "calibration": "document.querySelectorAll('svg rect').length > 0",
    "settings": "document.querySelectorAll('tbody tr').length > 1",
    "diagnostics": "document.querySelectorAll('tbody tr').length > 1",
}
"""What a page shows when it has what it shows."""

RECIPE = "trial_1"

_DRAWN_S = 10.0
"""Time in which a browser without a graphics card draws the live view and has a few images."""


CUT = """[...document.querySelectorAll(
    '.q-btn__content, .q-badge, .q-card .nicegui-label, .q-tab__label, th, .q-table__middle')]
  .filter(e => e.offsetParent && !e.closest('.ellipsis') && e.scrollWidth > e.clientWidth + 1
    && getComputedStyle(e).display != 'inline')
  .map(e => e.innerText.slice(0, 40))"""
"""The texts of a page that do not fit into what they stand in."""


def photograph(page: Page, url: str, names: Collection[str], folder: Path, suffix: str = "") -> list[str]:
    """Save pages in every size; return those in which something sticks out to the side or is cut off."""
    wide = []
    for name in names:
        for width, height in SIZES:
            page.size(width, height)
            page.go(f"{url}{PAGES[name]}")
            page.wait_for("document.querySelector('header')")
            page.wait_for(READY.get(name, "true"))
            if name == "diagnostics":
                page.run("document.querySelectorAll('tbody tr')[0].click()")
            end_s = time.monotonic() + (_DRAWN_S if name in ("overview", "teleop") else 2.0)
            wait_until(lambda end_s=end_s: time.monotonic() > end_s, timeout_s=_DRAWN_S, what="the page")
            page.picture(folder / f"{name}{suffix}_{width}x{height}.jpg", 70)
            if page.run("document.documentElement.scrollWidth") > width:
                wide.append(f"{name} at {width}")
            wide += [f"{name} at {width}: '{text}'" for text in page.run(CUT)]
    return wide


def main(names: Collection[str]) -> int:
    """Make those of some pages; return the exit code."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as text, private_domain() as domain:
        folder = Path(text)
        os.environ.update(ROS_DOMAIN_ID=str(domain), ROS_AUTOMATIC_DISCOVERY_RANGE="LOCALHOST")
        environment.apply()
        words = (
            "hardware:=sim",
            "teleop:=true",
            "console:=true",
            "console_port:=0",
            f"ledger:={folder / 'cell.ledger'}",
            f"record:={folder / 'run.mcap'}",
            f"wrench_record:={folder / 'records'}",
        )
        calibrate = ("calib", "wrench", "--seed", "0", "--records", str(folder / "records"))
        subprocess.run([sys.executable, "-m", "cablecell.cli", *calibrate], check=True, stdout=subprocess.DEVNULL)
        with launch_cell(folder, *words, f"console_tokens:={folder / 'tokens.json'}") as launch:
            wait_until(lambda: "IDLE: ready" in launch.output, timeout_s=60.0, what="the cell")
            url = re.findall(r"console: (http://\S+)/\s", launch.output)[-1]
            token = load_tokens(folder / "tokens.json").by_role[Role.ENGINEER]
            with open_page(folder / "profile") as page:
                page.go(f"{url}/login#{token}")
                page.run("document.querySelector('[name=name]').value = 'Anna'")
                if {*names} >= {*PAGES}:
                    page.picture(FOLDER / "login_1280x800.jpg", 70)
                page.run("document.querySelector('form').submit()")
                page.wait_for("location.pathname == '/' && document.querySelector('header')")
                wide = photograph(page, url, [one for one in ("teleop", "diagnostics") if one in names], FOLDER)
                pid = int(re.findall(r"\[console-\d+\]: process started with pid \[(\d+)\]", launch.output)[-1])
                before_s, begun_s = _processor_s(pid), time.monotonic()
                _do_job(page, url, with_view="overview" in names)
                share = (_processor_s(pid) - before_s) / (time.monotonic() - begun_s)
                memory_mb = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
                sys.stdout.write(f"console during a job, one browser: {share:.0%} of a core, {memory_mb:.0f} MB\n")
                page.click(page.button("STOP"))
                page.wait_for("document.body.innerText.includes('ABORTED')")
                later = ("jobs", "quality", "oee", "alarms", "calibration", "settings")
                wide += photograph(page, url, [one for one in later if one in names], FOLDER)
                page.run("document.cookie = 'cablecell_theme=dark; path=/'")
                wide += photograph(page, url, [one for one in ("quality", "oee") if one in names], FOLDER, "_dark")
                errors = page.errors
            take_down(launch)
    sys.stdout.write(f"{FOLDER}: {len(list(FOLDER.glob('*.jpg')))} pictures; too wide: {wide}; errors: {errors}\n")
    return int(bool(wide or errors))


def _processor_s(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _do_job(page: Page, url: str, *, with_view: bool) -> None:
    """Do a job, and photograph the overview in the middle and after it."""
    page.size(*SIZES[0])
    page.go(f"{url}/" if with_view else f"{url}/jobs")
    order = json.dumps({"command": "start", "recipe": RECIPE})
    words = json.dumps({"method": "POST", "headers": {"content-type": "application/json"}, "body": order})
    assert page.run(f"fetch('/api/command', {words}).then(answer => answer.status)") == 200
    if not with_view:
        page.wait_for("document.body.innerText.includes('EXECUTE')", 30.0)
        page.wait_for("!document.body.innerText.includes('EXECUTE')", 120.0)
        return
    page.wait_for("document.querySelector('.cell-phase.now')", 30.0)
    page.wait_for("document.querySelector('.interactive-image img, img')", 30.0)
    page.picture(FOLDER / "overview_job_1280x800.jpg", 70)
    page.wait_for("document.body.innerText.includes('succeeded')", 90.0)
    photograph(page, url, ("overview",), FOLDER)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or list(PAGES)))
