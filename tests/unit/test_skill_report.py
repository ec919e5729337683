"""What the skill says of its last insertion, and what its successor knows of it from the file."""

from __future__ import annotations

import copy

import pytest
from builtin_interfaces.msg import Time
from cablecell_interfaces.action import InsertConnector
from cablecell_interfaces.msg import InsertionReport

from cablecell.core.insertion.errors import JammedError
from cablecell.ros.skill_order import Order
from cablecell.ros.skill_report import ReportFileError, ReportTeller

ORDER = Order("card/sfp_port_0", "sfp_tip", "sfp", 0.0, 2, 30.0, True, job_id="night", step="B-1/in", row=7)


class Heard:
    def __init__(self, file):
        self.messages, self.complaints, self.now = [], [], 0
        self.teller = ReportTeller(
            lambda message: self.messages.append(copy.deepcopy(message)), self.stamp, file, self.complaints.append
        )
        self.teller.repeat()

    def stamp(self):
        self.now += 1
        return Time(sec=self.now)

    @property
    def last(self):
        return self.messages[-1]


@pytest.fixture
def file(tmp_path):
    return tmp_path / "ledger.db.report"


def test_who_has_begun_nothing_says_so(file):
    assert Heard(file).last == InsertionReport()
    assert not file.exists()


def test_an_insertion_is_told_from_begin_to_end(file):
    heard = Heard(file)
    heard.teller.begin(ORDER)
    assert (heard.last.state, heard.last.is_clear) == (InsertionReport.STATE_RUNNING, True)
    heard.teller.note_clear(is_clear=False)
    result = InsertConnector.Result(attempts=2)
    result.insertion.depth, result.insertion.outcome = 0.0458, 1
    heard.teller.end(None, result)
    told = heard.last
    assert (told.job_id, told.step, told.row) == ("night", "B-1/in", 7)
    assert (told.state, told.error_code, told.attempts, told.is_clear) == (InsertionReport.STATE_ENDED, 0, 2, False)
    assert [message.header.stamp.sec for message in heard.messages] == [0, 1, 2, 3]
    assert Heard(file).last == told, "its successor says the same, with the same stamp"


@pytest.mark.parametrize("is_clear", [True, False])
def test_who_ends_in_the_middle_of_an_insertion_leaves_that_to_its_successor(file, is_clear):
    heard = Heard(file)
    heard.teller.begin(ORDER)
    heard.teller.note_clear(is_clear=is_clear)
    after = Heard(file).last
    assert (after.state, after.is_clear, after.row) == (InsertionReport.STATE_INTERRUPTED, is_clear, 7)


def test_a_failure_keeps_its_code(file):
    heard = Heard(file)
    heard.teller.begin(ORDER)
    heard.teller.end(JammedError("stuck 3.1 mm deep"), InsertConnector.Result(attempts=1))
    assert (heard.last.error_code, heard.last.error_msg, heard.last.is_clear) == (404, "stuck 3.1 mm deep", True)


def test_what_cannot_be_kept_does_not_begin(tmp_path):
    heard = Heard(tmp_path / "nowhere" / "ledger.db.report")
    with pytest.raises(ReportFileError, match="nowhere"):
        heard.teller.begin(ORDER)
    heard.teller.end(JammedError("not begun"), None)
    assert len(heard.messages) == 1, "nothing began, nothing is said"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"state": "running"}', '{"stat": 1}'])
def test_a_file_that_cannot_be_read_is_complained_about_and_says_nothing(file, text):
    file.write_text(text)
    heard = Heard(file)
    assert heard.last == InsertionReport()
    assert heard.complaints
