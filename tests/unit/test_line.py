"""Which job a task of a line is, which stations its items go through, and its place in the ledger."""

import re

import pytest

from cablecell.core.supervision.jobs import parse_recipe
from cablecell.core.supervision.line import (
    BadTaskError,
    Item,
    JobOrder,
    LineSettingsError,
    LineTask,
    NoStationError,
    Stations,
    UnknownTaskTypeError,
    job_of_task,
    parse_remap,
    recipe_of_type,
    work_order_of,
)
from cablecell.records import ledger_line, ledger_queue
from cablecell.records.ledger import Ledger
from cablecell.records.ledger_line import TaskTakenError
from cablecell.records.ledger_queue import QueuedJob
from cablecell.records.ledger_rows import JobRecord

RECIPE = parse_recipe({"name": "r", "steps": [{"name": "a", "layout": "trial_1"}]}, "r.yaml")
OTHER = RECIPE.model_copy(update={"version": 2})
STATIONS = {"door": {"inputs": ["board"]}, "belt": {"inputs": ["cable"], "outputs": ["module"]}}


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "ledger.db") as opened:
        yield opened


def task(task_id="order_7/trial_1/0", kind="trial_1", inputs=(), outputs=()):
    return LineTask("order_7", task_id, kind, tuple(inputs), tuple(outputs))


def test_a_task_is_the_job_of_its_name_with_a_part_for_everything_that_comes_out():
    made = task(inputs=[Item("b1", "board")], outputs=[Item("m1", "module"), Item("", "waste"), Item("m2", "module")])
    order = job_of_task(made, ["trial_1"], {})
    assert order == JobOrder("order_7/trial_1/0", "order_7", "trial_1", ("m1", "m2"))
    assert work_order_of(order.requester) == "order_7"
    assert work_order_of(JobOrder("t", "", "trial_1").requester) == ""
    assert work_order_of("linesman 7") is None
    assert work_order_of("maria (command line)") is None


def test_a_type_is_a_capability_or_mapped_to_one():
    remap = parse_remap({"trial_1": ["plug", "insert"], "trial_9": ["weld"]}, "remap_task_types")
    names = ("trial_1", "trial_2")
    assert [recipe_of_type(kind, names, remap) for kind in ("trial_2", "plug", "insert")] == [
        "trial_2",
        "trial_1",
        "trial_1",
    ]
    assert recipe_of_type("whatever", names, parse_remap({"trial_2": ["*"]}, "x")) == "trial_2"
    text = "task type 'weld' is no capability of this cell; valid are trial_1, trial_2, plug, insert"
    with pytest.raises(UnknownTaskTypeError, match=re.escape(text)) as raised:
        recipe_of_type("weld", names, remap)
    assert raised.value.code == 757
    with pytest.raises(UnknownTaskTypeError, match="valid are none"):
        recipe_of_type("weld", (), {})


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (task(task_id=""), "task_id"),
        (task(task_id="a\nb"), "task_id"),
        (task(task_id="x" * 201), "task_id"),
        (LineTask("a\tb", "t", "trial_1"), "work_order_id"),
        (task(outputs=[Item("m1", "module"), Item("m1", "module")]), "output_items"),
    ],
)
def test_a_task_without_a_usable_name_or_with_a_part_twice_is_refused(bad, what):
    with pytest.raises(BadTaskError) as raised:
        job_of_task(bad, ["trial_1"], {})
    assert (raised.value.code, raised.value.quantity) == (758, what)


def test_items_go_through_the_station_of_their_type():
    stations = Stations.parse(STATIONS, "stations.yaml")
    board, cable, module = Item("b1", "board"), Item("c1", "cable"), Item("m1", "module")
    inputs, outputs = stations.assign(task(inputs=[board, cable], outputs=[module]))
    assert inputs == [(board, "door"), (cable, "belt")]
    assert outputs == [(module, "belt")]
    with pytest.raises(NoStationError, match="no station gives items of type 'board'; types are module") as raised:
        stations.assign(task(outputs=[board]))
    assert raised.value.code == 759
    assert Stations.parse(None, "empty.yaml").assign(task()) == ([], [])


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"a": {"inputs": ["x"]}, "b": {"inputs": ["x"]}}, "inputs of type 'x' are at a and at b"),
        ({"a": {"in": ["x"]}}, "stations.yaml: a.in is refused"),
        (["a"], "stations.yaml: all of it is refused"),
    ],
)
def test_stations_that_contradict_each_other_are_refused(data, text):
    with pytest.raises(LineSettingsError, match=re.escape(text)) as raised:
        Stations.parse(data, "stations.yaml")
    assert raised.value.code == 760


@pytest.mark.parametrize("data", [{"a": ["x"], "b": ["x"]}, {"a": "x"}, "a"])
def test_a_type_that_is_mapped_twice_or_to_nothing_is_refused(data):
    with pytest.raises(LineSettingsError, match="remap"):
        parse_remap(data, "remap_task_types")


def test_a_task_that_is_requested_again_finds_its_job(ledger):
    order = JobOrder("t1", "order_7", "r", ("m1",))
    assert ledger_line.put(ledger, order, RECIPE, 1, waits=True)
    assert not ledger_line.put(ledger, order, RECIPE, 2, waits=False)
    assert [(job.order, job.state) for job in ledger_line.jobs_of_line(ledger, ())] == [(order, "paused")]
    assert ledger_queue.take_next(ledger, 3) is None
    ledger_queue.change(ledger, "t1", "resume", 4)
    assert ledger_queue.take_next(ledger, 5).serials == ("m1",)
    ledger_queue.end(ledger, "t1", NoStationError("no room"), 6)
    assert ledger_line.jobs_of_line(ledger, ()) == []
    assert [job.error for job in ledger_line.jobs_of_line(ledger, ("t1",))] == ["code 759: no room"]
    assert not ledger_line.put(ledger, order, RECIPE, 7, waits=False)
    assert ledger_queue.take_next(ledger, 8) is None, "what has ended is not done again"


def test_the_name_of_another_job_is_refused(ledger):
    order = JobOrder("t1", "order_7", "r", ("m1",))
    ledger_line.put(ledger, order, RECIPE, 1, waits=False)
    ledger_queue.add(ledger, QueuedJob("local", "r", "h", requester="maria (command line)"), 1)
    ledger.begin_job(JobRecord("goal", "r", "h", "{}", "1"), 2, 1)
    for taken, recipe in [
        (order, OTHER),
        (JobOrder("t1", "order_8", "r", ("m1",)), RECIPE),
        (JobOrder("t1", "order_7", "r", ("m2",)), RECIPE),
        (JobOrder("local", "order_7", "r"), RECIPE),
        (JobOrder("goal", "order_7", "r"), RECIPE),
    ]:
        with pytest.raises(TaskTakenError, match="is in the ledger with another recipe") as raised:
            ledger_line.put(ledger, taken, recipe, 2, waits=False)
        assert raised.value.code == 763
    assert [job.order.job_id for job in ledger_line.jobs_of_line(ledger, ("local",))] == ["t1"]


def test_how_long_a_part_takes_is_the_median_of_what_succeeded(ledger):
    assert ledger_line.typical_s(ledger, RECIPE) is None
    for number, (parts, span_s, status) in enumerate([(1, 10, 4), (2, 40, 4), (1, 90, 4), (1, 1, 5)]):
        order = JobOrder(f"t{number}", "o", "r", tuple(f"m{part}" for part in range(parts)))
        ledger_line.put(ledger, order, RECIPE, 1, waits=False)
        ledger.begin_job(JobRecord(order.job_id, "r", "h", "{}", "1"), 2, 0)
        ledger.end_job(order.job_id, status, 0, "", span_s * 10**9)
    assert ledger_line.typical_s(ledger, RECIPE) == pytest.approx(20.0)
    assert ledger_line.typical_s(ledger, OTHER) is None
    assert ledger_line.insertions_of(ledger, "t1") == []
