"""Recovery: the plan of a cause is climbed rung by rung, every action is kept, and no step goes round for ever."""

import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cablecell.configuration import load_faults
from cablecell.core.errors import CancelledError, SupervisionError
from cablecell.core.fusion.wrench_health import StuckAxisError
from cablecell.core.insertion.errors import JammedError, NoContactError, NotLatchedError, PlugLostError
from cablecell.core.supervision.faults import Action
from cablecell.core.supervision.health import NodeLostError
from cablecell.core.supervision.recovery import ActionFailedError, StepEnd, StepRecovery
from cablecell.core.supervision.self_watch import ClockJumpError, SelfWatch, StarvedError
from cablecell.records.ledger import Ledger, LedgerError
from cablecell.records.ledger_recoveries import is_quarantined, note_deed, quarantine, skipped_steps
from cablecell.records.ledger_rows import JobRecord
from cablecell.records.ledger_schema import APPLICATION_ID, MIGRATIONS

TABLE = load_faults()


class Shop:
    """Does what is asked, except what is named, and fails attempts as told."""

    def __init__(self, failures, *, cannot=(), answer=None):
        self.failures, self.cannot, self.answer = list(failures), set(cannot), answer
        self.done, self.deeds, self.asked, self.attempts = [], [], [], 0
        self.recovery = StepRecovery(
            TABLE, do=self.do, hold=self.hold, begin=lambda action: None, note=self.deeds.append
        )

    def attempt(self):
        self.attempts += 1
        if self.failures:
            raise self.failures.pop(0)

    def do(self, action):
        if action in self.cannot:
            raise ActionFailedError(f"cannot {action.value}")
        self.done.append(action)

    def hold(self, error, question):
        self.asked.append(question)
        if self.answer is not None:
            raise self.answer

    def run(self):
        return self.recovery.run(self.attempt)


def test_a_step_that_goes_well_needs_nothing():
    shop = Shop([])
    assert shop.run() is StepEnd.DONE
    assert (shop.attempts, shop.deeds) == (1, [])


def test_the_rungs_of_a_plan_come_one_after_the_other_and_each_action_is_kept():
    shop = Shop([JammedError("stuck")] * 2)
    assert shop.run() is StepEnd.DONE
    first = [Action.HOME, Action.TARE, Action.LOOK]
    second = [Action.HOME, Action.QUARANTINE, Action.SWAP, Action.LOOK]
    assert shop.done == first + second
    assert [(deed.plan, deed.rung, deed.action) for deed in shop.deeds] == [
        *(("fouled_port", 1, action) for action in [*first, Action.RETRY]),
        *(("fouled_port", 2, action) for action in [*second, Action.RETRY]),
    ]
    assert all(deed.cause.code == 404 and deed.failure is None for deed in shop.deeds)


def test_the_last_rung_leaves_the_step():
    shop = Shop([JammedError("stuck")] * 9)
    assert shop.run() is StepEnd.SKIPPED
    assert (shop.attempts, shop.deeds[-1].action) == (3, Action.SKIP)
    assert shop.recovery.cause.code == 404


def test_where_an_action_cannot_be_done_the_next_rung_is_tried_and_the_refusal_is_kept():
    shop = Shop([PlugLostError("fell")], cannot={Action.SWAP})
    assert shop.run() is StepEnd.SKIPPED
    assert [(deed.rung, deed.action) for deed in shop.deeds if deed.failure] == [(1, Action.SWAP)]
    assert shop.done == [Action.HOME, Action.QUARANTINE, Action.HOME, Action.QUARANTINE]


def test_where_no_rung_can_be_done_the_operator_is_asked():
    shop = Shop([PlugLostError("fell")], cannot={Action.HOME}, answer=CancelledError("no"))
    with pytest.raises(CancelledError):
        shop.run()
    assert shop.asked == ["What is to be done?"]


def test_a_person_who_says_go_on_starts_the_plan_anew():
    shop = Shop([StuckAxisError("fx repeats")])
    assert shop.run() is StepEnd.DONE
    assert shop.asked == ["An axis of the force sensor repeats one value. Exchange the sensor."]


@pytest.mark.parametrize(
    "error", [CancelledError("by the client"), NodeLostError("node /arm died"), SupervisionError("odd")]
)
def test_what_no_plan_may_repair_is_raised_as_it_is(error):
    shop = Shop([error])
    with pytest.raises(type(error)):
        shop.run()
    assert (shop.done, shop.deeds, shop.asked) == ([], [], [])


def test_what_ends_the_recovery_itself_comes_through_the_tree():
    shop = Shop([JammedError("stuck")])
    shop.recovery._do = lambda action: (_ for _ in ()).throw(CancelledError("now"))
    with pytest.raises(CancelledError, match="now"):
        shop.run()


CAUSES = (JammedError, NoContactError, NotLatchedError, PlugLostError, LedgerError)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(CAUSES), min_size=40, max_size=40),
    st.sets(st.sampled_from([Action.HOME, Action.TARE, Action.LOOK, Action.SWAP, Action.QUARANTINE])),
)
def test_whatever_fails_in_whatever_order_the_step_ends_soon(causes, cannot):
    shop = Shop([cause("x") for cause in causes], cannot=cannot, answer=CancelledError("the operator gives up"))
    try:
        assert shop.run() is StepEnd.SKIPPED
    except CancelledError:
        assert shop.asked
    assert shop.attempts <= TABLE.recoveries_per_step + 1


def test_recoveries_are_in_the_ledger_for_good(tmp_path):
    with Ledger(tmp_path / "ledger.db") as ledger:
        ledger.begin_job(JobRecord("j", "r", "h", "{}", "1"), 2, 1)
        shop = Shop([PlugLostError("fell")], cannot={Action.SWAP})
        shop.run()
        for stamp, deed in enumerate(shop.deeds):
            note_deed(ledger, "j", "s", deed, stamp)
        quarantine(ledger, "plug 7", job_id="j", step="s", cause_code=409, reason="fell", now_ns=9)
        rows = ledger.rows("recoveries")
        assert [row["action"] for row in rows] == ["home", "quarantine", "swap", "home", "quarantine", "skip"]
        assert [row["error_code"] for row in rows] == [0, 0, 635, 0, 0, 0]
        assert str(skipped_steps(ledger, "j")["s"]) == "s was left, code 409: fell"
        assert skipped_steps(ledger, "other") == {}
        assert (is_quarantined(ledger, "plug 7"), is_quarantined(ledger, "plug 8")) == (True, False)
        for table in ("recoveries", "quarantine"):
            with pytest.raises(LedgerError, match="never"), ledger.transaction() as db:
                db.execute(f"DELETE FROM {table}")


def test_a_ledger_of_the_first_version_is_migrated_with_what_it_has(tmp_path):
    path = tmp_path / "ledger.db"
    old = sqlite3.connect(path)
    old.executescript(f"{MIGRATIONS[0]}PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 1;")
    old.execute(
        "INSERT INTO jobs (job_id, recipe, recipe_hash, recipe_text, software, begun_ns, status) "
        "VALUES ('j', 'r', 'h', '{}', '1', 1, 2)"
    )
    old.execute(
        "INSERT INTO insertions (job_id, step, connector, plug, port, software, port_sigma_m, port_sigma_rad, "
        "begun_ns) VALUES ('j', 'a', 'sfp', 'p', 'q', '1', 0.1, 0.1, 2)"
    )
    old.commit()
    old.close()
    with Ledger(path) as ledger:
        assert [(row["step"], row["serial"]) for row in ledger.rows("insertions")] == [("a", "")]
        assert ledger.rows("recoveries") == []


def test_clocks_and_period_are_watched():
    watch = SelfWatch(jump_s=0.1, late_s=0.3)
    assert watch.look(10.0, 1000.0) is None
    assert watch.look(10.05, 1000.05) is None
    jumped = watch.look(10.1, 995.1)
    assert isinstance(jumped, ClockJumpError)
    assert float(jumped.value) == pytest.approx(-5.0)
    assert watch.look(10.15, 995.15) is None, "said once"
    late = watch.look(10.55, 995.55)
    assert isinstance(late, StarvedError)
    assert float(late.value) == pytest.approx(0.4)
