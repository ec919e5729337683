"""Every fault of the table on the stand-in cell: noticed in time, named rightly, nothing unsafe, repaired by plan."""

import random
from dataclasses import replace

import pytest

from cablecell.configuration import config_folder, load_faults, read_document
from cablecell.core.supervision.faults import Reaction, parse_faults
from cablecell.evaluation.bench_faults import run_fault, summarise
from cablecell.evaluation.faults.audit import ALLOWED_S, Audit
from cablecell.evaluation.faults.full_disk import FillableLedger
from cablecell.evaluation.faults.injection import WHEN, draw
from cablecell.evaluation.faults.kills import run_kills
from cablecell.evaluation.faults.night_shift import NightShift
from cablecell.evaluation.faults.stand_in import StandInCell, World

TABLE = load_faults()
COUNT = len(TABLE.faults)


@pytest.fixture
def ledger(tmp_path):
    with FillableLedger(tmp_path / "ledger.db") as opened:
        yield opened


@pytest.mark.parametrize("index", range(COUNT), ids=[fault.name for fault in TABLE.faults])
def test_each_fault_has_the_reaction_of_the_table(ledger, index):
    row, fault = run_fault(TABLE, ledger, 3, index), TABLE.faults[index]
    assert row["is_injected"]
    assert row["is_right_code"], row
    assert row["is_noticed"] == (fault.reaction is not Reaction.GO_ON)
    assert row["detected_s"] is None or row["detected_s"] <= TABLE.notice_s
    assert row["unsafe"] == []
    assert (row["ledger_lost"], row["ledger_doubled"], row["false_good"]) == (0, 0, 0)
    if fault.recoverable:
        assert row["is_recovered"]
        assert row["good"] + row["flagged"] == 2
    elif fault.reaction in (Reaction.ABORT, Reaction.NO_NEW_STEP):
        assert not row["is_recovered"]


def test_a_shift_without_a_fault_is_all_good_and_alarms_nobody(ledger):
    dice = random.Random(1)
    shift = NightShift(StandInCell(dice), ledger, TABLE, dice, 0)
    outcome = shift.run("quiet", [f"part {number}" for number in range(20)], None, Audit(None))
    assert (len(outcome.good), outcome.good, outcome.recoveries) == (20, outcome.seated, 0)
    assert shift.cell.findings == []
    assert [row["error_code"] for row in ledger.rows("insertions")] == [0] * 20


def test_without_a_plan_what_was_repaired_ends_the_job(ledger):
    document = read_document(config_folder() / "faults.yaml")
    document["plans"]["lost_plug"]["codes"] = [999]
    document["faults"] = [{**fault, "plan": "none", "recoverable": False} for fault in document["faults"]]
    bare = parse_faults(document, "faults.yaml")
    index = [fault.name for fault in bare.faults].index("plug_dropped")
    row = run_fault(bare, ledger, 3, index)
    assert (row["is_recovered"], row["code"]) == (False, 409)


class Deaf(StandInCell):
    """A cell whose monitors say nothing."""

    def tick(self):
        super().tick()
        return []


def test_a_supervisor_that_hears_nothing_is_found_out(ledger):
    dice = random.Random(2)
    shift = NightShift(Deaf(dice), ledger, TABLE, dice, 0)
    audit = Audit(Reaction.ABORT)
    injection = replace(draw("kill_arm", 1, dice), part=0, phase="look", delay_s=0.1)
    outcome = shift.run("deaf", ["part"], injection, audit)
    assert (outcome.noticed_s, outcome.ended_by) == (None, None), "not noticed is not repaired"
    audit.notice(0.0, 1)
    audit.look(ALLOWED_S + 0.01, 0.01, "insert", 1, World(speed_mps=0.01))
    assert audit.unsafe == {"motion or force in insert after an abort"}


def test_the_audit_judges_by_the_truth():
    audit = Audit(Reaction.END_STEP)
    audit.look(1.0, 0.01, "insert", 1, World(speed_mps=0.1))
    audit.notice(1.0, 1)
    audit.look(1.2, 0.01, "insert", 1, World(speed_mps=0.1))
    audit.look(1.4, 0.01, "retreat", 1, World(speed_mps=0.1))
    audit.look(1.4, 0.01, "insert", 2, World(speed_mps=0.1))
    assert audit.unsafe == set()
    audit.look(1.4, 0.01, "insert", 1, World(speed_mps=0.1))
    audit.begin_insertion(World(has_plug=False), 1.5, uses=frozenset(), can_write=True)
    assert len(audit.unsafe) == 2
    pressed = Audit(None)
    for tick in range(102):
        pressed.look(0.01 * tick, 0.01, "insert", 1, World(force_n=21.0))
    assert pressed.unsafe == {"more than 20.0 N for 1.0 s"}


def test_faults_are_drawn_for_every_phase_that_they_can_come_in():
    dice = random.Random(4)
    for fault in TABLE.faults:
        drawn = {draw(fault.name, 2, dice).phase for _ in range(200)}
        assert drawn == set(WHEN.get(fault.name, drawn)), fault.name


def test_the_summary_counts_what_failed():
    good = {"is_injected": True, "is_noticed": True, "is_borne": False, "is_right_code": True, "detected_s": 0.2}
    good |= {"unsafe": [], "is_recoverable": True, "is_recovered": True, "flagged": 0, "false_good": 0}
    good |= {"ledger_lost": 0, "ledger_doubled": 0}
    bad = good | {
        "is_right_code": False,
        "unsafe": ["x", "y"],
        "is_recovered": False,
        "ledger_lost": 2,
        "detected_s": 0.9,
    }
    summary = summarise([good] * 9 + [bad])
    assert summary["unsafe_continuations"] == 1.0
    assert summary["right_code_rate"] == summary["auto_recovered_rate"] == 0.9
    assert (summary["ledger_lost"], summary["detected_max_s"]) == (2.0, 0.9)


def test_a_process_that_is_killed_again_and_again_leaves_no_part_out_and_does_none_twice(tmp_path):
    summary = run_kills(tmp_path, kills=3, seed=1)
    assert summary["kills"] == 3.0
    assert summary["kill_parts"] > 0.0
    assert summary["kill_redone"] == 0.0
    assert (summary["kill_done_twice"], summary["kill_left_out"], summary["kill_ledger_damaged"]) == (0.0, 0.0, 0.0)
