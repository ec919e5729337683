"""Calibration records: what was written is read, anything else is refused with its code; nothing is ever half."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from cablecell.cli import app
from cablecell.core.calibration.record import (
    CalibrationRecord,
    CorruptRecordError,
    ExpiredRecordError,
    FailedRecordError,
    ForeignRecordError,
    MissingRecordError,
    RecordError,
    RecordVersionError,
    parse_record,
    require_usable,
    signed,
)
from cablecell.records.calibration import CalibrationStore

NOW_S = 1_800_000_000.0


def record(**changes):
    values = {
        "version": 1,
        "kind": "wrench",
        "cell": "sim-0",
        "arm": "ur5e",
        "created_s": NOW_S,
        "expires_s": NOW_S + 1000.0,
        "software": "0",
        "method": "made up",
        "passed": True,
        "figures": {"force_residual_n": 0.1},
        "limits": {"force_residual_n": 0.5},
        "mass_kg": 1.4,
        "centre_m": [0.0, 0.0, 0.06],
        "bias": [0.1, 0.2, 0.3, 0.0, 0.0, 1.0 / 3.0],
    }
    return CalibrationRecord.model_validate(values | changes)


def handeye(**changes):
    eye = np.eye(4).tolist()
    lens = {"width": 1152, "height": 1024, "values": [1e3, 1e3, 5e2, 5e2, 0.0, 0.0, 0.0]}
    values = {
        "kind": "handeye",
        "cameras": ["left"],
        "lenses": {"left": lens | {"covariance": np.eye(7).tolist()}},
        "mounts": {"left": eye},
        "mount_covariance": (1e-8 * np.eye(6)).tolist(),
        "mass_kg": None,
    }
    return record(**(values | changes))


@pytest.mark.parametrize("make", [record, handeye])
def test_what_is_written_is_read(tmp_path, make):
    store = CalibrationStore(tmp_path / "new")
    number = store.save(make())
    kind = make().kind
    assert (number, store.current(kind)) == (1, 1)
    assert store.load(kind) == signed(make())


def test_a_record_is_never_overwritten_and_rollback_goes_back(tmp_path):
    store = CalibrationStore(tmp_path)
    for mass in (1.0, 2.0, 3.0):
        store.save(record(mass_kg=mass))
    assert store.load("wrench").mass_kg == 3.0
    assert store.rollback("wrench") == 2
    assert store.load("wrench").mass_kg == 2.0
    assert store.rollback("wrench", 1) == 1
    assert [entry.is_current for entry in store.history("wrench")] == [True, False, False]
    assert store.save(record(mass_kg=4.0)) == 4, "history goes on"
    with pytest.raises(MissingRecordError, match="0009"):
        store.rollback("wrench", 9)


def test_a_calibration_that_failed_is_kept_but_not_used(tmp_path):
    store = CalibrationStore(tmp_path)
    store.save(record())
    assert store.save(record(passed=False, figures={"force_residual_n": 0.9})) == 2
    assert store.current("wrench") == 1
    with pytest.raises(RecordError, match="did not pass"):
        store.rollback("wrench", 2)
    with pytest.raises(FailedRecordError, match="force_residual_n") as caught:
        require_usable(store.load("wrench", 2), now_s=NOW_S, cell="sim-0")
    assert (caught.value.value, caught.value.limit) == ("0.9", "0.5")


def test_rollback_passes_over_what_cannot_be_read(tmp_path):
    store = CalibrationStore(tmp_path)
    for mass in (1.0, 2.0, 3.0):
        store.save(record(mass_kg=mass))
    store.path("wrench", 2).write_text("rubbish: [")
    assert store.rollback("wrench") == 1
    problems = [entry.problem for entry in store.history("wrench")]
    assert [type(problem) for problem in problems] == [type(None), CorruptRecordError, type(None)]


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda d: d.update(mass_kg=9.0), CorruptRecordError, "sha256"),
        (lambda d: d.pop("bias"), CorruptRecordError, "needs 'bias'"),
        (lambda d: d.update(mass_kg=float("nan")), CorruptRecordError, "mass_kg"),
        (lambda d: d.update(colour="blue"), CorruptRecordError, "unknown key 'colour'"),
        (lambda d: d.update(version=2), RecordVersionError, "version 2"),
    ],
)
def test_a_record_that_was_changed_is_refused(change, error, words):
    data = signed(record()).model_dump()
    change(data)
    with pytest.raises(error, match=words):
        parse_record(data, "0001.yaml")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"mounts": {"left": (2.0 * np.eye(4)).tolist()}}, "no rigid motion"),
        ({"mount_covariance": (-np.eye(6)).tolist()}, "not symmetric and positive"),
        ({"mount_covariance": np.eye(5).tolist()}, "not symmetric and positive"),
        ({"cameras": ["right"]}, "cameras are"),
    ],
)
def test_values_that_cannot_be_are_refused(values, words):
    data = handeye().model_dump() | values
    with pytest.raises(CorruptRecordError, match=words):
        parse_record(data, "0001.yaml")


@pytest.mark.parametrize("text", ["", "a: [", "\x00\x01", "[1, 2]", "42"])
def test_rubbish_in_a_record_is_refused(tmp_path, text):
    store = CalibrationStore(tmp_path)
    store.save(record())
    store.path("wrench", 1).write_text(text)
    with pytest.raises(CorruptRecordError):
        store.load("wrench")


def test_rubbish_in_the_pointer_and_nothing_at_all_are_refused(tmp_path):
    store = CalibrationStore(tmp_path)
    with pytest.raises(MissingRecordError, match="no wrench calibration"):
        store.load("wrench")
    with pytest.raises(MissingRecordError, match="no kind"):
        store.load("colour")
    store.save(record())
    (tmp_path / "wrench" / "current").write_text("x")
    with pytest.raises(CorruptRecordError, match="no number"):
        store.load("wrench")


def test_a_record_is_for_its_cell_and_its_time():
    require_usable(record(), now_s=NOW_S + 999.0, cell="sim-0")
    with pytest.raises(ExpiredRecordError, match="expired") as caught:
        require_usable(record(), now_s=NOW_S + 1001.0, cell="sim-0")
    assert caught.value.unit == "s"
    with pytest.raises(ExpiredRecordError, match="taken in"):
        require_usable(record(), now_s=NOW_S - 2.0 * 86400.0, cell="sim-0")
    with pytest.raises(ForeignRecordError, match="'sim-0', this is 'sim-1'"):
        require_usable(record(), now_s=NOW_S, cell="sim-1")
    with pytest.raises(ForeignRecordError, match="no camera 'right'"):
        require_usable(handeye(), now_s=NOW_S, cell="sim-0", cameras=["left", "right"])


_WRITER = """
import sys
from pathlib import Path
from tests.unit.test_calibration_records import record
from cablecell.records.calibration import CalibrationStore
store, i = CalibrationStore(Path(sys.argv[1])), 0
print("ready", flush=True)
while True:
    i += 1
    store.save(record(mass_kg=float(i)))
"""


def test_a_writer_that_is_killed_leaves_a_valid_record(tmp_path):
    store, rng = CalibrationStore(tmp_path), np.random.default_rng(5)
    store.save(record(mass_kg=0.5))
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120
    for _ in range(4):
        process = subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path)], stdout=subprocess.PIPE, cwd=root)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        end_s = time.monotonic() + float(rng.uniform(0.02, 0.12))
        while time.monotonic() < end_s:
            store.load("wrench")  # a reader beside the writer never sees a half
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert all(entry.record is not None for entry in store.history("wrench"))
        number = store.current("wrench")
        assert store.load("wrench", number).mass_kg is not None


def test_the_verbs_show_list_and_roll_back(tmp_path):
    store, run = CalibrationStore(tmp_path), CliRunner()
    options = ["--records", str(tmp_path)]
    assert "no calibration" in run.invoke(app, ["calib", "list", *options]).output
    assert run.invoke(app, ["calib", "show", "wrench", *options]).exit_code == 2
    now_s = time.time()
    for mass in (1.0, 2.0):
        store.save(record(mass_kg=mass, created_s=now_s, expires_s=now_s + 1000.0))
    shown = run.invoke(app, ["calib", "show", "wrench", "--json", *options])
    assert shown.exit_code == 0
    data = yaml.safe_load(shown.output)
    assert (data["number"], data["mass_kg"], data["problem"]) == (2, 2.0, None)
    foreign = run.invoke(app, ["calib", "show", "wrench", "--cell", "sim-7", *options])
    assert foreign.exit_code == 1
    assert "code 953" in foreign.output
    assert run.invoke(app, ["calib", "rollback", "wrench", *options]).exit_code == 0
    listed = yaml.safe_load(run.invoke(app, ["calib", "list", "--json", *options]).output)
    assert [(row["number"], row["in_use"]) for row in listed] == [(1, True), (2, False)]
