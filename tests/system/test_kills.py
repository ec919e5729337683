"""A few kills of a supervisor at work, as `./cell bench kills` does by the hundred."""

from cablecell.evaluation.bench_kills import run


def test_a_killed_supervisor_loses_nothing_and_does_nothing_twice():
    rows, summary = run(n=3, seed=11, workers=1)
    assert [row["kill"] for row in rows] == [0, 1, 2]
    assert summary["parts"] >= 6.0
    wrong = ("pushed_into_filled", "done_twice", "skipped", "jobs_not_done")
    wrong += ("ledger_lost", "ledger_doubled", "ledger_false", "ledger_open", "ledger_damaged")
    assert {name: summary[name] for name in wrong} == dict.fromkeys(wrong, 0.0)
