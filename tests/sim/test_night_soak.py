"""A short night: all parts accounted for, the same again for the same seed, and OEE derived twice."""

import pytest
from typer.testing import CliRunner

from cablecell.cli import app
from cablecell.evaluation.faults.soak import run_night
from cablecell.records.ledger import Ledger
from cablecell.records.shift import read_shift
from tests.support.oee_by_sql import derive


def test_a_night_with_many_faults_loses_nothing_and_its_oee_is_derived_again(tmp_path):
    path = tmp_path / "night.db"
    summary = run_night(path, hours=0.15, rate_per_hour=360.0, seed=2)
    assert summary["faults"] >= 3.0
    assert summary["parts"] == summary["good"] + summary["flagged"]
    for name in ("unsafe", "false_good", "ledger_lost", "ledger_doubled", "ledger_damaged", "stops", "lost"):
        assert summary[name] == 0.0, name
    assert summary["good"] == summary["seated"] > 40.0
    assert summary["flagged"] == summary["hopeless"]
    with Ledger(path, writes=False) as ledger:
        done = [row["step"] for row in ledger.rows("insertions") if row["error_code"] == 0]
        assert len(done) == len(set(done)) == summary["good"]
        assert len({row["step"] for row in ledger.rows("recoveries") if row["action"] == "skip"}) == summary["flagged"]
    shift = read_shift(path)
    assert (shift.figures["parts"], shift.figures["good_parts"]) == (summary["parts"], summary["good"])
    for name, value in derive(str(path), shift.from_ns, shift.to_ns).items():
        assert shift.figures[name] == pytest.approx(value, abs=1e-9, nan_ok=True), name
        assert summary.get(name, value) == pytest.approx(value, abs=1e-9, nan_ok=True)


def test_the_same_seed_gives_the_same_night(tmp_path):
    both = [run_night(tmp_path / f"{k}.db", hours=0.03, rate_per_hour=200.0, seed=4) for k in range(2)]
    for summary in both:
        del summary["memory_growth"]
    assert {k: repr(v) for k, v in both[0].items()} == {k: repr(v) for k, v in both[1].items()}


def test_what_cannot_be_done_is_refused(tmp_path):
    done = CliRunner().invoke(app, ["soak", "--ledger", str(tmp_path / "x.db")])
    assert (done.exit_code, "--accelerated" in done.output) == (2, True)
    (tmp_path / "x.db").write_bytes(b"")
    done = CliRunner().invoke(app, ["soak", "--accelerated", "--ledger", str(tmp_path / "x.db")])
    assert (done.exit_code, "is there already" in done.output) == (2, True)
