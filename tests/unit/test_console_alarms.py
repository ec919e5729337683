"""Alarms of the console: raised once, over when they are over, gone when somebody has seen them."""

from __future__ import annotations

import pytest

from cablecell.console.alarms import FIRST_ACTIONS, AlarmBook, first_action
from cablecell.console.errors import UnknownCommandError
from cablecell.console.force import ForceHistory
from cablecell.console.texts import say
from cablecell.core.errors import all_error_classes
from cablecell.ros.reference import import_every_module

import_every_module()


@pytest.mark.parametrize("cls", all_error_classes())
def test_every_code_has_a_first_action_with_a_text(cls):
    assert say(f"action.{first_action(cls.code)}")


def test_the_table_of_actions_has_no_gaps_in_its_own_order():
    assert all(low <= high for low, high, _ in FIRST_ACTIONS)
    assert first_action(314) != first_action(313), "what is more exact comes first"


def test_an_alarm_stays_until_it_is_over_and_seen():
    book = AlarmBook()
    book.raise_alarm("cell", 312, "61 N", 1.0)
    book.raise_alarm("cell", 312, "62 N", 2.0)
    assert [alarm.cause for alarm in book.active] == ["61 N"]
    book.end_alarm("cell", 3.0)
    assert book.active[0].ended_s == 3.0
    book.acknowledge(1, "Anna")
    assert book.active == []
    assert book.history[0].acknowledged_by == "Anna"


def test_one_that_comes_and_goes_is_one_alarm():
    book = AlarmBook()
    for time_s in range(0, 20, 2):
        book.raise_alarm("camera", 582, "black", float(time_s))
        book.end_alarm("camera", time_s + 1.0)
    assert [(alarm.count, alarm.ended_s) for alarm in book.active] == [(10, 19.0)]


def test_another_code_of_the_same_source_ends_the_first():
    book = AlarmBook()
    book.raise_alarm("cell", 312, "force", 1.0)
    book.acknowledge(1, "Anna")
    book.raise_alarm("cell", 608, "lost", 2.0)
    assert [(alarm.code, alarm.ended_s) for alarm in book.active] == [(608, None)]
    assert [(alarm.code, alarm.ended_s) for alarm in book.history] == [(312, 2.0)]


def test_what_is_not_there_cannot_be_acknowledged():
    with pytest.raises(UnknownCommandError):
        AlarmBook().acknowledge(1, "Anna")


def test_peaks_of_a_force_survive_the_buckets():
    force = ForceHistory(bucket_s=0.1, length=10)
    for number in range(250):
        force.take(number * 0.004, 30.0 if number == 77 else 1.0)
    rows = force.rows(1.0)
    assert len(rows) == 10
    assert [high for _, _, high in rows].count(30.0) == 1
    assert {low for _, low, _ in rows} == {1.0}
    assert force.rows(5.0) == [], "what is older than the window is not shown"
