"""`demo` against a stand-in for the cell: results, files, exit codes, interrupts, and nothing left behind."""

import json
import os
import re
import signal
import sys
import time
from pathlib import Path

import pytest
from mcap.reader import make_reader

from tests.support.graph import Process
from tests.support.wait import wait_until

ROOT = Path(__file__).resolve().parents[2]
CABLECELL = Path(sys.prefix) / "bin" / "cablecell"
LAUNCH = ROOT / "tests" / "data" / "demo" / "fake_cell.launch.xml"


def _demo(folder, *words, behaviour="seat"):
    fixed = ("demo", "--headless", "--launch", LAUNCH, "--runs", folder / "runs")
    return Process(CABLECELL, *fixed, *words, cwd=ROOT, FAKE_CELL_BEHAVIOUR=behaviour, DEMO_TEST_MARK=str(folder))


def _left_behind(folder):
    """Return the processes that were started with the mark of this test."""
    mark = f"DEMO_TEST_MARK={folder}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if mark in (entry / "environ").read_bytes().split(b"\0") and _is_alive(entry):
                    found.append(f"{entry.name} {(entry / 'cmdline').read_bytes()!r}")
            except OSError:
                continue
    return found


def _is_alive(entry):
    return (entry / "stat").read_text().rpartition(")")[2].split()[0] != "Z"


def _folder(tmp_path):
    return next((tmp_path / "runs").iterdir())


def test_three_trials_seated(tmp_path):
    with _demo(tmp_path, "--json", tmp_path / "out.json") as demo:
        assert demo.wait(60.0) == 0, demo.output
    assert not _left_behind(tmp_path)
    out = json.loads((tmp_path / "out.json").read_text())
    assert set(out) == {"name", "version", "machine", "settings", "results", "summary"}
    assert out["name"] == "demo"
    assert [row["trial"] for row in out["results"]] == ["trial_1", "trial_2", "trial_3"]
    for row in out["results"]:
        assert (row["seated"], row["outcome"], row["offlimit_contacts"]) == (True, "seated", 0)
        assert 1.4 < row["cycle_s"] < 4.0
        assert row["peak_force_n"] == pytest.approx(6.0, abs=0.01)
        assert row["depth_m"] == pytest.approx(0.0458, abs=1e-6)
        assert row["score"] > 75.0
        assert [phase["phase"] for phase in row["phases"]] == ["STAGING", "APPROACH", "INSERT"]
    summary = out["summary"]
    assert (summary["trials"], summary["seated"], summary["success_rate"]) == (3, 3, 1.0)
    folder = _folder(tmp_path)
    assert json.loads((folder / "results.json").read_text()) == out
    html = (folder / "report.html").read_text()
    assert html.count("after the trial") >= 3
    assert "3 of 3 connectors seated" in html
    with (folder / "recording.mcap").open("rb") as stream:
        topics = {channel.topic for channel in make_reader(stream).get_summary().channels.values()}
    assert {"/wrench_raw", "/controller_state", "/cell_state", "/insertion_phase", "/sim/truth"} <= topics
    for line in ("trial_3: seated", "INSERT at", "3 of 3 seated"):
        assert line in demo.output


@pytest.mark.parametrize(("behaviour", "outcome"), [("fail", "failed"), ("lie", "false_success")])
def test_a_trial_that_is_not_seated_fails_the_demo(tmp_path, behaviour, outcome):
    with _demo(tmp_path, "--trial", "trial_2", behaviour=behaviour) as demo:
        assert demo.wait(60.0) == 1, demo.output
    row = json.loads((_folder(tmp_path) / "results.json").read_text())["results"][0]
    assert (row["trial"], row["seated"], row["outcome"]) == ("trial_2", False, outcome)
    assert (_folder(tmp_path) / "report.html").is_file()
    assert not _left_behind(tmp_path)


def test_a_dead_node_is_named_and_ends_the_demo(tmp_path):
    with _demo(tmp_path, "--json", tmp_path / "out.json", behaviour="die") as demo:
        demo.wait_for_output("INSERT", 30.0)
        begun = time.monotonic()
        assert demo.wait(30.0) == 1, demo.output
        assert time.monotonic() - begun < 8.0
    assert "cell lost: node fake_cell died (signal SIGKILL)" in demo.output
    assert not _left_behind(tmp_path)
    out = json.loads((tmp_path / "out.json").read_text())
    assert [row["outcome"] for row in out["results"]] == ["cell_lost"] * 3
    assert out["summary"]["trials"] == 3
    assert out["results"][0]["error_msg"] == "node fake_cell died (signal SIGKILL)"


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("run folder", signal.SIGINT),
        ("cell is up", signal.SIGTERM),
        ("APPROACH", signal.SIGINT),
        ("trial_1: seated", signal.SIGINT),
    ],
)
def test_an_interrupt_ends_everything_within_five_seconds(tmp_path, moment, number):
    with _demo(tmp_path) as demo:
        demo.wait_for_output(moment, 30.0)
        demo.send(number)
        begun = time.monotonic()
        assert demo.wait(10.0) == 130, demo.output
        assert not _left_behind(tmp_path), "after the demo has ended"
        assert time.monotonic() - begun < 5.0
    assert "Traceback" not in demo.output


def test_a_killed_demo_leaves_no_process(tmp_path):
    with _demo(tmp_path, behaviour="hang") as demo:
        demo.wait_for_output("APPROACH", 30.0)
        demo.send(signal.SIGKILL)
        demo.wait()
        wait_until(lambda: not _left_behind(tmp_path), timeout_s=12.0, what="the end of all processes")


def test_a_launch_file_that_is_refused_ends_with_one_line(tmp_path):
    broken = tmp_path / "broken.launch.xml"
    broken.write_text("<launch><nod/></launch>")
    with Process(CABLECELL, "demo", "--headless", "--launch", broken, "--runs", tmp_path / "runs") as demo:
        assert demo.wait(20.0) == 2, demo.output
    assert re.search(r"^demo: launch: .*nod", demo.output, re.MULTILINE)
    assert "Traceback" not in demo.output


def test_live_display_on_a_terminal_leaves_the_table(tmp_path):
    try:
        parent, child = os.openpty()
    except OSError as error:
        pytest.skip(f"this machine has no pseudo terminals: {error}")
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os.close(parent)
        for descriptor in (0, 1, 2):
            os.dup2(child, descriptor)
        os.environ.update(TERM="xterm-256color", COLUMNS="150", FAKE_CELL_BEHAVIOUR="seat")
        os.chdir(ROOT)
        words = ["demo", "--launch", str(LAUNCH), "--runs", str(tmp_path / "runs"), "--trial", "trial_1"]
        os.execv(CABLECELL, [str(CABLECELL), *words])
    os.close(child)
    output = b""
    while True:
        try:
            data = os.read(parent, 65536)
        except OSError:  # the other side is closed
            break
        if not data:
            break
        output += data
    os.close(parent)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, output.decode()
    text = output.decode()
    assert "INSERT" in text
    assert "depth" in text
    assert "1 of 1 seated" in text
