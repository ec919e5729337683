"""False answers of both kinds, counted against the truth."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from cablecell.core.insertion.outcome import InsertionResult, Outcome, Phase
from cablecell.core.statistics import wilson_interval
from cablecell.evaluation import bench_clearance, bench_insertion
from cablecell.evaluation.bench_page import write_page
from cablecell.evaluation.insertion_summary import summarise
from cablecell.evaluation.rollout_result import RolloutResult, Trace
from cablecell.evaluation.scenario_run import _finished
from cablecell.evaluation.scoring import TrialScore


def result(outcome: Outcome, *, is_seated: bool, inserted: str | None) -> RolloutResult:
    """Return what a run gives that ended so; numbers that do not matter are zero."""
    given = {
        "skill": InsertionResult(outcome, "as the test has it", Phase.HOLD, 0.0, 0.0, 1.0, False, True, 0, 0),
        "score": TrialScore(1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
        "is_seated": is_seated,
        "target": "card/port",
        "inserted": inserted,
        "offlimit_contacts": (),
        "cable_faults": (),
        "port_error_m": np.zeros(3),
        "tip_error_m": np.zeros(3),
        "trace": Trace(),
    }
    rest = {field.name: 1.0 for field in fields(RolloutResult) if field.name not in given}
    return RolloutResult(**given, **rest)


CASES = [
    # said, true at the end, ever seated, false success, false failure
    (Outcome.SEATED, True, "card/port", False, False),
    (Outcome.SEATED, False, None, True, False),
    (Outcome.SEATED, False, "card/port", True, False),
    (Outcome.NOT_SEATED, False, None, False, False),
    (Outcome.NOT_LATCHED, True, "card/port", False, True),
    (Outcome.PULLED_OUT, False, "card/port", False, True),
    (Outcome.JAMMED, False, "card/other", False, False),
]


@pytest.mark.parametrize(("said", "is_seated", "inserted", "false_success", "false_failure"), CASES)
def test_an_answer_is_false_when_the_truth_says_otherwise(said, is_seated, inserted, false_success, false_failure):
    row = _finished(result(said, is_seated=is_seated, inserted=inserted))
    assert (row["false_success"], row["false_failure"]) == (false_success, false_failure)
    assert not (row["success"] and (row["false_success"] or row["false_failure"]))


def test_the_summary_counts_both_and_bounds_the_rate_of_the_first():
    rows = [{**_finished(result(c[0], is_seated=c[1], inserted=c[2])), "scenario": "one"} for c in CASES]
    summary = summarise(rows)
    assert summary["false_success"] == 2.0
    assert summary["false_failure"] == 2.0
    assert summary["false_success_wilson_high"] == wilson_interval(2, len(CASES))[1]
    old = [{key: value for key, value in row.items() if key != "false_failure"} for row in rows]
    assert summarise(old)["false_failure"] == 0.0


def test_the_page_has_a_line_per_scenario_and_a_dot_per_run(tmp_path):
    rows = [
        {
            **_finished(result(c[0], is_seated=c[1], inserted=c[2])),
            "scenario": "two" if i % 2 else "one",
            "scenario_hash": "aa",
            "seed": i,
            "clearance_m": 2e-5 if i % 2 else 1e-4,
        }
        for i, c in enumerate(CASES)
    ]
    head = {
        "name": "insertion",
        "version": "0",
        "settings": {"n": len(rows), "seed": 0, "workers": 1},
        "machine": {"processor": "", "cores": 1, "load_1min": 0.0},
        "summary": summarise(rows),
    }
    for module, lines in ((bench_insertion, ["one", "two"]), (bench_clearance, ["100 µm", "20 µm"])):
        (grid,) = module.grids(rows)
        assert [line[0] for line in grid.lines] == lines
        assert [line[1] for line in grid.lines] == ["1/4", "0/3"]
        assert [line[-2:] for line in grid.lines] == [("1", "1"), ("1", "1")]
        assert all(len(line) == len(grid.head) for line in grid.lines)
        figures = module.figures("insertion", rows)
        write_page(tmp_path / "page.html", head, figures, [grid], [])
        page = (tmp_path / "page.html").read_text(encoding="utf-8")
        assert page.count("<svg") == len(figures)
        assert "false successes" in page
        assert "None." in page
