"""A sign of life that ends says so: the node ends with it."""

import threading
from types import SimpleNamespace

from builtin_interfaces.msg import Time
from lifecycle_msgs.msg import State

from cablecell.ros.heartbeat import NodeHeartbeat, Periodic
from cablecell.ros.lifecycle import CellNode
from tests.support.wait import wait_until


def test_work_is_called_again_and_again_until_the_end():
    calls, failures = [], []
    thread = Periodic(0.001, lambda: calls.append(threading.current_thread().name), "work", failures.append)
    wait_until(lambda: len(calls) > 3, what="four calls")
    thread.end()
    count = len(calls)
    assert set(calls) == {"work"}
    assert not failures
    threading.Event().wait(0.02)
    assert len(calls) == count


def test_work_that_raises_is_told_once_and_not_called_again():
    calls, failures = [], []

    def work():
        calls.append(None)
        raise RuntimeError("no memory")

    thread = Periodic(0.001, work, "watch", lambda *failure: failures.append(failure))
    wait_until(lambda: failures, what="the failure")
    thread.end()
    ((name, error),) = failures
    assert (name, str(error)) == ("watch", "no memory")
    assert len(calls) == 1


def test_a_node_that_cannot_beat_any_more_ends():
    def publish(_):
        raise RuntimeError("the publisher is gone")

    failures = []
    clock = SimpleNamespace(now=lambda: SimpleNamespace(to_msg=Time))
    node = SimpleNamespace(
        create_publisher=lambda *_: SimpleNamespace(publish=publish),
        get_fully_qualified_name=lambda: "/node",
        get_clock=lambda: clock,
        fail=lambda *failure: failures.append(failure),
    )
    NodeHeartbeat(node, lambda: State.PRIMARY_STATE_ACTIVE)
    wait_until(lambda: failures, what="the failure")
    assert [name for name, _ in failures] == ["heartbeat"]
    assert "the publisher is gone" in str(failures[0][1])


def test_the_process_of_such_a_node_ends_with_one():
    said = []
    node = SimpleNamespace(get_logger=lambda: SimpleNamespace(fatal=said.append), exit_code=None)
    CellNode.fail(node, "heartbeat", RuntimeError("no memory"))
    assert node.exit_code == 1
    assert "heartbeat has failed, the node ends: RuntimeError('no memory')" in said[0]
