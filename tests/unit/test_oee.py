"""Key figures of a shift: by hand on a small log, by SQL on random ones, and what a dead supervisor means."""

import json
import random

import pytest
from typer.testing import CliRunner

from cablecell.cli import app
from cablecell.core.insertion.errors import NoContactError
from cablecell.core.supervision.faults import Action
from cablecell.core.supervision.packml import Command, PackmlMachine, State
from cablecell.core.supervision.recovery import Deed
from cablecell.records.ledger import Ledger
from cablecell.records.ledger_recoveries import note_deed
from cablecell.records.ledger_rows import InsertionBegin, InsertionEnd, JobRecord
from cablecell.records.shift import TimeFormatError, read_shift
from tests.support.oee_by_sql import derive

S = 1_000_000_000


class Log:
    """Writes a ledger in seconds."""

    def __init__(self, path):
        self.path, self.before = path, 0
        self.ledger = Ledger(path)
        self.ledger.begin_job(JobRecord("j", "r", "h", "{}", "1"), 2, 0)

    def state(self, at_s, state, cause=0, *, mode=1, restart=False):
        previous = 0 if restart else self.before
        self.ledger.note_state(
            round(at_s * S), state=state, previous=previous, mode=mode, cause_code=cause, reason="", job_id=""
        )
        self.before = int(state)

    def insertion(self, step, begin_s, end_s, code=0, attempts=1, connector="sfp"):
        number = self.ledger.begin_insertion(
            "j", step, InsertionBegin(connector, "p", "q", "1", 0.0, 0.0), round(begin_s * S)
        )
        self.ledger.end_insertion(number, InsertionEnd(code, attempts=attempts), round(end_s * S))


@pytest.fixture
def log(tmp_path):
    made = Log(tmp_path / "ledger.db")
    yield made
    made.ledger.close()


def test_figures_of_a_small_shift_by_hand(log):
    log.state(0, State.IDLE)
    log.state(100, State.EXECUTE)
    log.insertion("a", 100, 110)
    log.insertion("b", 120, 130, 404)
    log.insertion("b", 140, 160)
    log.insertion("c", 170, 190, 404)
    log.state(300, State.HOLDING, 591)
    log.state(310, State.HELD)
    log.state(400, State.UNHOLDING)
    log.state(401, State.EXECUTE)
    log.state(500, State.COMPLETING)
    log.state(501, State.IDLE, mode=2)
    log.state(600, State.IDLE)
    log.ledger.note_command(700 * S, requester="x", command="hold", reason="", error_code=621, error_msg="")
    shift = read_shift(log.path, planned_s=10.0)
    figures = shift.figures
    assert figures["planned_busy_s"] == pytest.approx(601.0)
    assert figures["production_s"] == pytest.approx(299.0)
    assert figures["availability"] == pytest.approx(299.0 / 601.0)
    assert figures["effectiveness"] == pytest.approx(3 * 10.0 / 299.0)
    assert figures["quality_ratio"] == pytest.approx(2 / 3)
    assert figures["first_pass_yield"] == pytest.approx(1 / 3)
    assert (figures["failures"], figures["mtbf_s"], figures["mttr_s"]) == (1.0, 299.0, pytest.approx(101.0))
    assert (figures["cycle_min_s"], figures["cycle_max_s"]) == (10.0, 40.0)
    assert shift.failure_causes == [{"code": 404, "count": 2}]
    assert [(row["state"], row["cause_code"], row["time_s"]) for row in shift.stop_reasons][:2] == [
        ("IDLE", 0, pytest.approx(200.0)),
        ("HELD", 591, pytest.approx(90.0)),
    ]


def test_a_step_that_was_left_before_anything_was_inserted_is_a_bad_part(log):
    log.state(0, State.EXECUTE)
    log.insertion("a", 10, 50)
    note_deed(log.ledger, "j", "b", Deed(NoContactError("x"), "unseen_port", 2, Action.SKIP), 60 * S)
    log.state(100, State.IDLE)
    figures = read_shift(log.path).figures
    assert (figures["parts"], figures["good_parts"], figures["quality_ratio"]) == (2.0, 1.0, 0.5)
    shift = read_shift(log.path)
    assert derive(str(log.path), shift.from_ns, shift.to_ns)["oee"] == pytest.approx(figures["oee"], abs=1e-9)


def test_a_supervisor_that_died_was_off_from_its_last_sign_of_life(log):
    log.state(0, State.EXECUTE)
    log.insertion("a", 10, 50)
    log.state(250, State.STOPPED, restart=True)
    log.state(260, State.EXECUTE)
    log.state(300, State.IDLE)
    figures = read_shift(log.path).figures
    assert figures["production_s"] == pytest.approx(50.0 + 40.0)
    assert figures["planned_busy_s"] == pytest.approx(300.0, abs=1e-6)
    assert (figures["failures"], figures["mttr_s"]) == (1.0, pytest.approx(210.0))


def test_a_part_that_was_held_or_outlived_its_supervisor_is_charged_with_what_the_cell_executed(log):
    log.state(0, State.EXECUTE)
    log.insertion("a", 10, 30)
    log.insertion("b", 40, 50, 404)
    log.state(60, State.HELD, 404)
    log.state(160, State.EXECUTE)
    log.insertion("b", 165, 185)
    log.insertion("c", 190, 200, 641)  # where the supervisor died, as it was found after it
    log.state(900, State.STOPPED, restart=True)
    log.state(905, State.EXECUTE)
    log.insertion("c", 910, 930)
    log.state(1000, State.IDLE)
    shift = read_shift(log.path)
    assert [part.cycle_s for part in shift.made] == pytest.approx([20.0, 45.0, 35.0])
    figures = derive(str(log.path), shift.from_ns, shift.to_ns)
    for name in ("effectiveness", "oee"):
        assert shift.figures[name] == pytest.approx(figures[name], abs=1e-12)
    late = read_shift(log.path, begin="1970-01-01T00:15:00")
    assert [part.cycle_s for part in late.made] == pytest.approx([35.0]), "one that began before the window"


def test_a_cell_that_was_ended_in_good_order_was_not_to_produce(log):
    log.state(0, State.EXECUTE)
    log.insertion("a", 10, 50)
    log.state(100, State.STOPPED)
    log.state(1000, State.STOPPED, restart=True)
    log.state(1010, State.IDLE)
    figures = read_shift(log.path).figures
    assert figures["planned_busy_s"] == pytest.approx(110.0, abs=1e-6)
    assert figures["failures"] == 0.0


@pytest.mark.parametrize("seed", range(5))
def test_an_independent_script_derives_the_same(log, seed):
    dice, machine, at_s, parts, meter_j = random.Random(seed), PackmlMachine(), 0.0, 0, 0.0
    for _ in range(400):
        at_s += dice.expovariate(0.1)
        restart = dice.random() < 0.02
        if restart:
            machine = PackmlMachine()
        else:
            onwards = {State.STOPPED: Command.RESET, State.IDLE: Command.START, State.COMPLETE: Command.RESET}
            onwards |= {State.HELD: Command.UNHOLD, State.SUSPENDED: Command.UNSUSPEND, State.ABORTED: Command.CLEAR}
            word = onwards.get(machine.state)
            if dice.random() < 0.3:
                word = dice.choice(machine.allowed or [None])
            if word is None:
                machine.complete(machine.state)
            else:
                machine.command(word)
        cause = dice.choice([0, 0, 404, 591, 608])
        log.state(at_s, machine.state, cause, mode=1 + (dice.random() < 0.1), restart=restart)
        meter_j = 0.0 if dice.random() < 0.05 else meter_j + dice.expovariate(0.01)
        log.ledger.note_energy(round(at_s * S), meter_j)
        if machine.state is State.EXECUTE:
            for _ in range(dice.randint(2, 6)):
                begin_s, at_s = at_s, at_s + dice.uniform(5.0, 30.0)
                code = dice.choice([0, 0, 0, 404, 405])
                log.insertion(f"s{parts}", begin_s, at_s, code, dice.randint(1, 2), ("sfp", "sc")[parts % 2])
                parts += code == 0 or dice.random() < 0.3
    for begin, end in (("", ""), ("1970-01-01T00:10:00", "1970-01-01T00:40:00")):
        shift = read_shift(log.path, begin, end)
        theirs = derive(str(log.path), shift.from_ns, shift.to_ns)
        for name, value in theirs.items():
            assert shift.figures[name] == pytest.approx(value, abs=1e-9), name
    assert len(shift.made) > 3


def test_terminal_json_and_report(log, tmp_path):
    log.state(0, State.EXECUTE)
    log.insertion("a", 10, 50)
    log.state(100, State.ABORTING, 608)
    log.state(150, State.ABORTED, 608)
    log.state(160, State.STOPPED)
    page, sheet = tmp_path / "shift.html", tmp_path / "shift.pdf"
    done = CliRunner().invoke(app, ["oee", str(log.path), "--json", "--report", str(page)])
    assert done.exit_code == 0
    figures = json.loads(done.stdout)["figures"]
    assert figures["oee"] == pytest.approx(figures["availability"] * figures["effectiveness"])
    assert "ABORTING</td><td>608</td><td>1</td><td>50.0" in page.read_text().replace("\n", "")
    assert "<svg" in page.read_text()
    done = CliRunner().invoke(app, ["oee", str(log.path), "--report", str(sheet)])
    assert (done.exit_code, "availability" in done.stdout) == (0, True)
    assert sheet.read_bytes().startswith(b"%PDF")


def test_bad_parts_and_waiting_are_part_of_what_a_good_part_costs(log):
    for at_s, state, meter_j in ((0, State.EXECUTE, 100.0), (100, State.IDLE, 160.0), (200, State.IDLE, 190.0)):
        log.state(at_s, state)
        log.ledger.note_energy(at_s * S, meter_j)
    for step, code in (("a", 0), ("b", 404), ("c", 0)):
        log.insertion(step, 10, 20, code)
    figures = read_shift(log.path).figures
    assert (figures["energy_j"], figures["energy_per_good_part_j"]) == (90.0, 45.0)


def test_an_empty_ledger_has_figures_that_are_not_numbers(tmp_path):
    Ledger(tmp_path / "new.db").close()
    done = CliRunner().invoke(app, ["oee", str(tmp_path / "new.db"), "--json"])
    assert (done.exit_code, json.loads(done.stdout)["figures"]["oee"]) == (0, None)


def test_times_that_cannot_be_read_are_refused(log):
    log.state(0, State.IDLE)
    with pytest.raises(TimeFormatError, match="'yesterday' is no time"):
        read_shift(log.path, "yesterday")
    with pytest.raises(TimeFormatError, match="before it begins"):
        read_shift(log.path, "1980-01-01", "1970-01-01")
