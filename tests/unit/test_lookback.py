"""What follows after a restart for an insertion that was begun: never again without a sign that its port is empty."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from cablecell.cli import app
from cablecell.core.supervision.lookback import Answer, OpenInsertion, SkillReport, Told, Verdict, judge, question
from cablecell.records.ledger import Ledger, LedgerError
from cablecell.records.ledger_found import NothingOpenError, answer_of, is_of, note_answer, open_insertions
from cablecell.records.ledger_rows import InsertionBegin, InsertionEnd, JobRecord

BEGUN = OpenInsertion(row=7, job_id="night", step="B-1/in", plug="sfp_tip", port="card/sfp_port_0", begun_ns=1000)
OTHERS = InsertionBegin("sfp", "sfp_tip", "card/sfp_port_0", "1", 0.0, 0.0)


def about(state, **changes):
    return SkillReport(state, **{"row": 7, "job_id": "night", "step": "B-1/in", "told_ns": 1500, **changes})


@pytest.mark.parametrize(
    ("report", "is_ours", "answer", "verdict", "source"),
    [
        (SkillReport(Told.NONE), False, None, Verdict.ASK, ""),
        (about(Told.RUNNING), True, None, Verdict.WAIT, "report"),
        (about(Told.RUNNING, is_clear=True), True, Answer.EMPTY, Verdict.WAIT, "report"),
        (about(Told.ENDED), True, None, Verdict.SEATED, "report"),
        (about(Told.ENDED, error_code=404, is_clear=True), True, None, Verdict.AGAIN, "report"),
        (about(Told.ENDED, error_code=422), True, None, Verdict.ASK, ""),
        (about(Told.INTERRUPTED), True, None, Verdict.ASK, ""),
        (about(Told.INTERRUPTED, is_clear=True), True, None, Verdict.AGAIN, "report"),
        (about(Told.ENDED, row=6, step="B-0/in", told_ns=900), True, None, Verdict.AGAIN, "report"),
        (about(Told.ENDED, row=6, step="B-0/in", told_ns=900), False, None, Verdict.ASK, ""),
        (about(Told.INTERRUPTED, row=6, step="B-0/in", told_ns=900), True, None, Verdict.ASK, ""),
        (about(Told.ENDED, row=0, job_id="", step="", told_ns=1500), False, None, Verdict.ASK, ""),
        (about(Told.ENDED, told_ns=900), False, None, Verdict.ASK, ""),
        (about(Told.ENDED, job_id="another ledger"), False, None, Verdict.ASK, ""),
        (SkillReport(Told.NONE), False, Answer.SEATED, Verdict.SEATED, "operator"),
        (SkillReport(Told.NONE), False, Answer.EMPTY, Verdict.AGAIN, "operator"),
        (about(Told.ENDED), True, Answer.EMPTY, Verdict.AGAIN, "operator"),
        (about(Told.INTERRUPTED), True, Answer.SEATED, Verdict.SEATED, "operator"),
    ],
)
def test_what_is_known_decides(report, is_ours, answer, verdict, source):
    found = judge(BEGUN, report, is_report_ours=is_ours, answer=answer)
    assert (found.verdict, found.source) == (verdict, source)
    assert found.reason


def test_nothing_is_done_again_without_a_sign_that_the_port_is_empty():
    cases = 0
    for state, row, code, is_clear, told_ns, is_ours, answer in itertools.product(
        Told, (0, 6, 7, 8), (0, 404), (True, False), (900, 1500), (True, False), (None, *Answer)
    ):
        report = about(state, row=row, error_code=code, is_clear=is_clear, told_ns=told_ns)
        verdict = judge(BEGUN, report, is_report_ours=is_ours, answer=answer).verdict
        is_about = state is not Told.NONE and row == 7 and told_ns >= BEGUN.begun_ns
        signs = [
            answer is Answer.EMPTY,
            answer is None and is_about and is_clear,
            answer is None and is_ours and not is_about and told_ns < BEGUN.begun_ns and state is not Told.NONE,
        ]
        cases += 1
        if verdict is Verdict.AGAIN:
            assert any(signs), report
        if verdict is Verdict.SEATED and answer is None:
            assert is_about
            assert (state, code) == (Told.ENDED, 0), report
        if answer is Answer.SEATED:
            assert verdict in (Verdict.SEATED, Verdict.WAIT), report
        if is_about and state is Told.RUNNING:
            assert verdict is Verdict.WAIT, report
    assert cases == 4 * 4 * 2 * 2 * 2 * 2 * 3


def test_the_question_says_what_is_asked_and_how_to_answer():
    text = question(BEGUN, "the skill knows nothing of it", "night.db")
    for words in ("sfp_tip", "card/sfp_port_0", "job night", "B-1/in", "./cell job found night.db seated", "empty"):
        assert words in text


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "ledger.db") as made:
        made.begin_job(JobRecord("j", "r", "h", "{}", "1"), 2, 1)
        yield made


def test_what_is_open_is_found_and_ended_as_it_was_found(ledger):
    ledger.end_insertion(ledger.begin_insertion("j", "a", OTHERS, 2), InsertionEnd(0), 3)
    row = ledger.begin_insertion("j", "b", OTHERS, 4)
    (begun,) = open_insertions(ledger)
    assert begun == OpenInsertion(row, "j", "b", "sfp_tip", "card/sfp_port_0", 4)
    ledger.end_insertion(row, InsertionEnd(0, found="report"), 5)
    assert open_insertions(ledger) == []
    assert ledger.steps_done("j") == {"a", "b"}
    assert [kept["found"] for kept in ledger.rows("insertions")] == ["", "report"]


def test_a_report_is_of_a_ledger_where_its_insertion_is_and_had_begun(ledger):
    row = ledger.begin_insertion("j", "a", OTHERS, 100)
    ours = SkillReport(Told.ENDED, row=row, job_id="j", step="a", told_ns=150)
    assert is_of(ledger, ours)
    for changes in ({"row": row + 1}, {"job_id": "k"}, {"step": "b"}, {"told_ns": 50}):
        assert not is_of(ledger, replace(ours, **changes))


def test_an_answer_is_for_one_open_insertion_and_stays(ledger):
    with pytest.raises(NothingOpenError, match="no such insertion is open"):
        note_answer(ledger, Answer.SEATED, "operator 7", 10)
    first, second = (ledger.begin_insertion("j", step, OTHERS, 4) for step in "ab")
    with pytest.raises(NothingOpenError, match=f"say which: {first}, {second}"):
        note_answer(ledger, Answer.SEATED, "operator 7", 10)
    assert note_answer(ledger, Answer.EMPTY, "operator 7", 11, first).step == "a"
    assert note_answer(ledger, Answer.SEATED, "operator 7", 12, first).step == "a"
    assert (answer_of(ledger, first), answer_of(ledger, second)) == (Answer.SEATED, None)
    for statement in ("UPDATE answers SET answer = 'empty'", "DELETE FROM answers"):
        with pytest.raises(LedgerError, match="never"), ledger.transaction() as db:
            db.execute(statement)


def test_the_command_line_answers(ledger):
    run = CliRunner().invoke
    assert run(app, ["job", "found", str(ledger.path), "seated"]).exit_code == 1
    row = ledger.begin_insertion("j", "a", OTHERS, 4)
    assert run(app, ["job", "found", str(ledger.path), "perhaps"]).exit_code == 2
    done = run(app, ["job", "found", str(ledger.path), "seated"])
    assert (done.exit_code, done.stdout) == (0, f"insertion {row}, port card/sfp_port_0, answer seated\n")
    assert answer_of(ledger, row) is Answer.SEATED
    assert "command line" in ledger.rows("answers")[0]["requester"]
