"""Reports out of the console: who gets them, what cannot be asked for, and what they may cost."""

from __future__ import annotations

import asyncio
import sys
import threading
import time

import httpx
import pytest

from cablecell.console.curves import Recordings
from cablecell.console.errors import BusyReportError, FailedReportError, UnknownReportError
from cablecell.console.gateway import AuditTrail, CommandGateway
from cablecell.console.reports import SIZE_LIMIT, ReportMaker, ReportOrder, add_reports
from cablecell.console.sessions import COOKIE, Role, Sessions, load_tokens
from cablecell.console.web import Doors, make_web
from tests.support.console_records import write_ledger, write_recording, write_records
from tests.support.wait import wait_until

NONE = Recordings("", "/contact_state")
STAND_IN = """
import pathlib, sys, time
words = sys.argv[1:]
out = pathlib.Path(words[words.index("--out") + 1])
{deed}
"""


def _maker(tmp_path, deed="out.write_text(' '.join(words))", limit_s=60.0, **known):
    command = (sys.executable, "-c", STAND_IN.format(deed=deed))
    given = {"ledger": tmp_path / "cell.ledger", "records": {"wrench": tmp_path / "w"}, "recordings": NONE, **known}
    return ReportMaker(**given, command=command, limit_s=limit_s)


@pytest.fixture
def ledger(tmp_path):
    return write_ledger(tmp_path / "cell.ledger")


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("insertion", "../../etc/passwd"),
        ("insertion", "1.html/../../x"),
        ("insertion", "1.exe"),
        ("insertion", "--out=x.html"),
        ("insertion", "-1.html"),
        ("insertion", "1234567890.html"),
        ("insertion", "\u0661.html"),
        ("insertion", "1.html\n"),
        ("shift", "7.html"),
        ("camera", "1.html"),
        ("../wrench", "1.html"),
        ("", "1.html"),
    ],
)
def test_only_what_is_there_can_be_asked_for(tmp_path, kind, name):
    with pytest.raises(UnknownReportError) as refused:
        _maker(tmp_path).parse(kind, name)
    assert refused.value.code == 740


def test_a_cell_without_ledger_has_no_report_of_insertions(tmp_path):
    with pytest.raises(UnknownReportError, match="no such report"):
        _maker(tmp_path, ledger=None).parse("insertion", "1.html")


def test_paths_are_those_of_the_console(tmp_path, ledger):
    recording = write_recording(tmp_path / "run.mcap")
    maker = _maker(tmp_path, recordings=Recordings(str(recording), "/contact_state"))
    said = maker.make(maker.parse("insertion", "10.html")).decode()
    assert said.startswith(f"report build insertion {ledger} --number 10 --recording {recording} --out ")
    assert "--recording" not in maker.make(maker.parse("insertion", "3.html")).decode(), "none has that time"
    said = maker.make(maker.parse("wrench", "2.pdf")).decode()
    assert said.startswith(f"report build calibration wrench --records {tmp_path / 'w'} --number 2 --out ")
    assert "--from 2" in maker.make(maker.parse("shift", "8.html")).decode()
    assert "--from" not in maker.make(maker.parse("shift", "0.html")).decode()


def test_one_at_a_time(tmp_path, ledger):
    begun, go = tmp_path / "begun", tmp_path / "go"
    wait = f"pathlib.Path({str(begun)!r}).touch()\nwhile not pathlib.Path({str(go)!r}).exists(): time.sleep(0.02)"
    maker = _maker(tmp_path, f"{wait}\nout.touch()")
    order, done = ReportOrder("shift", 0, "html"), []
    thread = threading.Thread(target=lambda: done.append(maker.make(order)))
    thread.start()
    wait_until(lambda: begun.exists(), what="the first report")
    with pytest.raises(BusyReportError) as refused:
        maker.make(order)
    assert refused.value.code == 741
    go.touch()
    thread.join(30.0)
    assert done == [b""]
    assert maker.make(order) == b"", "and then the next"


@pytest.mark.parametrize(
    ("deed", "limit_s", "said"),
    [
        ("sys.exit('code 640: no such insertion')", 60.0, "code 640: no such insertion"),
        ("sys.exit(3)", 60.0, "exit code 3"),
        ("pass", 60.0, "exit code 0"),
        ("time.sleep(60)", 0.3, "more than 0 s"),
        (f"out.open('wb').truncate({SIZE_LIMIT + 1})", 60.0, f"{SIZE_LIMIT + 1} B"),
    ],
)
def test_what_cannot_be_made_is_told(tmp_path, deed, limit_s, said):
    with pytest.raises(FailedReportError, match=said) as failed:
        _maker(tmp_path, deed, limit_s).make(ReportOrder("shift", 0, "html"))
    assert failed.value.code == 742


def test_downloads_go_through_the_login(tmp_path, ledger):
    tokens = load_tokens(tmp_path / "console.json")
    sessions = Sessions(tokens.cookie_key, 3600.0)
    gateway = CommandGateway(sessions, {}, AuditTrail(lambda row: None))
    web = make_web(Doors(tokens, sessions, [], "cell"), gateway, lambda app: add_reports(app, _maker(tmp_path)))

    async def ask(path, cookie="", **headers):
        transport = httpx.ASGITransport(web)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get(path, headers={"cookie": f"{COOKIE}={cookie}", **headers})

    path = "/api/reports/insertion/10.html"
    assert asyncio.run(ask(path)).status_code == 401
    _, cookie = sessions.begin("Anna", Role.VIEWER, time.time())
    assert asyncio.run(ask(path, cookie, origin="http://evil.example")).status_code == 403
    answer = asyncio.run(ask(path, cookie))
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="insertion_10.html"'
    assert answer.headers["cache-control"] == "no-store"
    for name in ("..%2f..%2fetc%2fpasswd", "1.exe", "%2e%2e/1.html"):
        assert asyncio.run(ask(f"/api/reports/insertion/{name}", cookie)).status_code == 404


def test_the_command_line_makes_them(tmp_path, ledger):
    records = write_records(tmp_path / "records", time.time())
    maker = ReportMaker(ledger, {"wrench": records}, NONE)
    assert b"Insertion 10: sfp_module into card_9" in maker.make(maker.parse("insertion", "10.html"))
    assert maker.make(maker.parse("wrench", "2.pdf")).startswith(b"%PDF")
    with pytest.raises(FailedReportError, match=r"code 640: .*no insertion 99"):
        maker.make(maker.parse("insertion", "99.html"))
