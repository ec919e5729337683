"""Laws of the tasks of a line, for any order of requests, signals, stops and news of the queue."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cablecell.core.supervision.line import JobOrder
from cablecell.core.supervision.line_tasks import (
    ENDED,
    FOLLOWS,
    OF_QUEUE,
    TaskBook,
    TasksRefusedError,
    TaskStateError,
    TaskStatus,
    way,
)

NAMES = st.sampled_from(["t1", "t2", "t3"])
CALLS = st.one_of(
    st.tuples(st.sampled_from(["promise", "take_back", "request", "recall", "fail", "forget"]), NAMES, st.just("")),
    st.tuples(st.just("note"), NAMES, st.sampled_from(sorted(OF_QUEUE))),
    st.tuples(st.just("signal"), NAMES, st.sampled_from(["go", "other"])),
    st.tuples(st.just("stop"), NAMES, st.sampled_from(["", "x"])),
    st.tuples(st.just("pause"), NAMES, st.sampled_from(["", "x"])),
)


def do(book, what, name, word):
    """Do one thing; return the states a task went through where that is told, else None."""
    if what == "promise":
        book.promise(name)
    elif what == "take_back":
        book.take_back(name)
    elif what == "request":
        book.request(JobOrder(name, "o", "r"), ["go"] if word else [])
    elif what == "recall":
        book.recall(JobOrder(name, "o", "r"))
    elif what == "signal":
        book.signal(name, word)
    elif what == "stop":
        book.is_stopped = bool(word)
    elif what == "pause":
        book.is_paused = bool(word)
    elif book.find(name) is not None:
        if what == "note":
            return book.note(name, word)
        if what == "fail":
            return book.fail(name, "why")
        book.forget(name)
    return None


@settings(max_examples=300, deadline=None)
@given(st.lists(CALLS, max_size=40))
def test_a_task_goes_one_way_step_by_step_whatever_is_asked(calls):
    book = TaskBook(start_signal="go")
    for what, name, word in calls:
        before = {task.task_id: task.status for task in book.tasks}
        stopped = book.is_stopped
        try:
            passed = do(book, what, name, word)
        except (TaskStateError, TasksRefusedError):
            assert {task.task_id: task.status for task in book.tasks} == before, "what is refused changes nothing"
            continue
        after = {task.task_id: task.status for task in book.tasks}
        assert not (stopped and what in ("promise", "request")), "nothing is taken during an emergency stop"
        for task_id in before.keys() | after.keys():
            old, new = before.get(task_id, TaskStatus.NONE), after.get(task_id)
            if new is None:  # only what is promised is taken back, only what has ended is dropped
                assert old is TaskStatus.ASSIGNED or old in ENDED
                continue
            steps = passed if passed is not None and task_id == name else ((new,) if new is not old else ())
            for step in steps:
                assert step in FOLLOWS[old]
                old = step
            assert old is new
        front = book.front
        assert (front is None) == all(state in ENDED for state in after.values())
        if front is not None and TaskStatus.RUNNING in after.values():
            assert front.status is TaskStatus.RUNNING
        assert all(book.should_wait(task) == (book.is_paused or "go" not in task.signals) for task in book.tasks)
        assert all(bool(task.error) == (task.status is TaskStatus.FAILED) for task in book.tasks)


@given(st.sampled_from(TaskStatus), st.sampled_from(TaskStatus))
def test_every_way_is_of_steps_that_may_follow_each_other(begin, end):
    steps = way(begin, end)
    for step in steps:
        assert step in FOLLOWS[begin]
        begin = step
    assert not steps or steps[-1] is end
    assert begin is end or not steps


def test_the_numbers_and_the_order_are_those_of_the_line():
    assert {status.name: int(status) for status in TaskStatus} == {
        "NONE": 0,
        "QUEUED": 1,
        "RUNNING": 2,
        "FINISHED": 3,
        "ASSIGNED": 4,
        "FAILED": 5,
    }
    book = TaskBook()
    book.promise("later")
    book.request(JobOrder("now", "o", "r"))
    assert book.front is not None
    assert (book.front.task_id, book.front.status) == ("later", TaskStatus.ASSIGNED)
    assert book.note("now", "done") == (TaskStatus.RUNNING, TaskStatus.FINISHED)
    assert book.note("now", "failed") == ()
    assert book.count("later", 1, 2)
    assert not book.count("later", 1, 2)
    with pytest.raises(TaskStateError, match="there is a task later already") as raised:
        book.promise("later")
    assert raised.value.code == 761
    with pytest.raises(TaskStateError, match="somebody waits for task now already"):
        book.request(JobOrder("now", "o", "r"))
    with pytest.raises(TaskStateError, match="task now is FINISHED; only what is ASSIGNED can be removed"):
        book.take_back("now")
    with pytest.raises(TaskStateError, match="a task must have a name"):
        book.promise("")
    book.is_stopped = True
    with pytest.raises(TasksRefusedError, match="an emergency stop is active") as stopped:
        book.request(JobOrder("later", "o", "r"))
    assert stopped.value.code == 762
