"""The summary of faults in the running cell counts what matters, and every fault in the denominator."""

from __future__ import annotations

import math

from cablecell.evaluation.bench_faults_cell import FAULTS, summarise


def row(fault="wrench_silent", **changes):
    made = {"fault": fault, "is_in_time": True, "is_good": True, "is_seated": True, "recoveries": 0, "job_s": 10.0}
    return made | {"offlimit_contacts": 0, "ledger_agrees": True} | changes


def test_every_fault_that_came_in_time_is_in_the_denominator():
    rows = [row(), row(is_good=False, is_seated=False), row("board_bumped", recoveries=1), row(is_in_time=False)]
    summary = summarise(rows)
    assert (summary["faults"], summary["too_late"]) == (3.0, 1.0)
    assert summary["good_rate"] == 2 / 3
    assert summary["good_wilson_low"] < 2 / 3 < summary["good_wilson_high"]
    assert (summary["wrench_silent_n"], summary["wrench_silent_good"]) == (2.0, 1.0)
    assert (summary["board_bumped_n"], summary["recovered_after_failure"]) == (1.0, 1.0)
    assert all(f"{kind}_n" in summary for kind in FAULTS)


def test_what_must_not_be_is_counted_also_where_the_fault_came_too_late():
    lie = row(is_in_time=False, is_seated=False)
    summary = summarise([lie, row(is_good=False), row(offlimit_contacts=2), row(ledger_agrees=False)])
    assert (summary["false_good"], summary["seated_but_flagged"]) == (1.0, 1.0)
    assert (summary["offlimit_contacts"], summary["ledger_disagrees"]) == (1.0, 1.0)


def test_without_a_fault_there_is_no_rate():
    assert math.isnan(summarise([])["good_rate"])
