"""Asking another node's action: every wait has a deadline, and what may have been begun is cancelled."""

import threading
import time

import pytest
import rclpy
from cablecell_interfaces.action import MoveTo
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.experimental.events_executor import EventsExecutor

from cablecell.core.errors import CancelledError
from cablecell.ros import goals
from cablecell.ros.action_client import MutualActionClient
from tests.support.graph import GraphClient
from tests.support.wait import wait_until


class Asker:
    """A node on the executor of the cell's nodes, in a thread."""

    def __init__(self):
        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.node = rclpy.create_node("asker", context=self.context)
        self.executor = EventsExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.action = MutualActionClient(self.node, MoveTo, "slow_move")
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._spin)
        self._thread.start()

    def _spin(self):
        while not self._ending.is_set():
            self.executor.spin_once(timeout_sec=0.05)

    def close(self):
        self._ending.set()
        self._thread.join()
        self.executor.shutdown()
        self.action.destroy()  # it keeps the node's participant alive, and a machine has room for some thirty
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)


@pytest.fixture
def asker():
    made = Asker()
    yield made
    made.close()


class SlowServer:
    """Takes its time to accept, and to work."""

    def __init__(self, client):
        self.cancels, self.accept_s, self.result = 0, 0.0, MoveTo.Result()
        self.accepted, self.ended = 0, 0
        self.is_free, self.is_asked = threading.Event(), threading.Event()
        self._client = client
        self._server = ActionServer(
            client.node,
            MoveTo,
            "slow_move",
            execute_callback=self._work,
            goal_callback=self._judge,
            cancel_callback=self._cancel,
            handle_accepted_callback=lambda goal: threading.Thread(target=self._later, args=(goal,)).start(),
        )

    def _judge(self, _):
        self.is_asked.set()
        threading.Event().wait(self.accept_s)
        return GoalResponse.ACCEPT

    def _cancel(self, _):
        self.cancels += 1
        self.is_free.set()
        return CancelResponse.ACCEPT

    def close(self):
        """End what is still worked on: rclpy warns of goals that are executed by nobody."""
        self.is_free.set()
        wait_until(lambda: self.ended == self.accepted, what="the server's goals to end")
        self._client.run(self._server.destroy)

    def _later(self, goal):
        self.accepted += 1
        self.is_free.wait(20.0)
        goal.execute()

    def _work(self, goal):
        if goal.is_cancel_requested:
            goal.canceled()
        else:
            goal.abort()
        self.ended += 1
        return self.result


@pytest.fixture
def server():
    with GraphClient("slow") as client:
        made = SlowServer(client)
        yield made
        made.close()


def _ask(asker, timeout_s=20.0, check=lambda: None):
    return goals.run_action(asker.node, asker.action, "slow_move", MoveTo.Goal(), timeout_s, check)


def test_a_goal_that_nobody_takes_ends_soon_and_is_cancelled_in_case_it_was_taken(asker, server, monkeypatch):
    monkeypatch.setattr(goals, "ACCEPT_S", 0.3)
    server.accept_s = 1.0
    assert asker.action.wait_for_server(timeout_sec=60.0)
    began_s = time.monotonic()
    with pytest.raises(goals.NoAnswerError, match=r"asked to take a goal, did not answer within 0\.3 s"):
        _ask(asker, timeout_s=60.0)
    assert time.monotonic() - began_s < 30.0, "the wait for the result was waited out"
    wait_until(lambda: server.cancels, what="the cancel")


def test_a_result_that_does_not_come_ends_and_cancels(asker, server):
    with pytest.raises(goals.NoAnswerError, match=r"did not answer within 0\.5 s"):
        _ask(asker, timeout_s=0.5)
    wait_until(lambda: server.cancels, what="the cancel")


@pytest.mark.parametrize("accept_s", [0.0, 0.5], ids=["at work", "not yet taken"])
def test_a_check_that_raises_cancels(asker, server, accept_s):
    server.accept_s = accept_s

    def check():
        if server.is_asked.is_set():
            raise CancelledError("enough")

    with pytest.raises(CancelledError):
        _ask(asker, check=check)
    wait_until(lambda: server.cancels, what="the cancel")


def test_a_check_that_raises_early_sends_nothing(asker, server):
    def check():
        raise CancelledError("enough")

    with pytest.raises(CancelledError):
        _ask(asker, check=check)
    assert not server.is_asked.wait(0.3)


def test_the_first_goal_of_a_new_client_arrives(server):
    """A server throws away what comes from a client that it has not discovered yet."""
    server.is_free.set()
    for _ in range(4):
        asker = Asker()
        try:
            _ask(asker)
        finally:
            asker.close()


def test_an_error_keeps_its_code_and_its_attempts(asker, server):
    server.result = MoveTo.Result(error_code=204, error_msg="no way", attempts=3)
    server.is_free.set()
    with pytest.raises(goals.RemoteError, match="no way") as caught:
        _ask(asker)
    assert (caught.value.code, caught.value.attempts) == (204, 3)


def test_an_action_that_is_not_there_is_named(asker):
    with pytest.raises(goals.NoAnswerError, match=r"action slow_move is not there after 0\.3 s"):
        _ask(asker, timeout_s=0.3)


def test_a_question_that_came_too_late_is_not_asked_at_all(asker):
    """A goal whose sender has given up must not start later."""
    is_free, is_busy, asked = threading.Event(), threading.Event(), []

    def block():
        is_busy.set()
        is_free.wait(20.0)

    asker.executor.create_task(block)
    assert is_busy.wait(20.0)
    try:
        with pytest.raises(goals.NoAnswerError, match=r"did not answer within 0\.1 s"):
            goals.in_executor(asker.node, lambda: asked.append("late"), timeout_s=0.1)
    finally:
        is_free.set()
    assert goals.in_executor(asker.node, lambda: asked.append("next")) is None
    assert asked == ["next"]


def test_giving_up_on_a_goal_leaves_those_of_others_alone(asker, server, monkeypatch):
    assert asker.action.wait_for_server(timeout_sec=60.0)
    first = goals.in_executor(asker.node, lambda: asker.action.send_goal_async(MoveTo.Goal()))
    goals.await_future(first, 20.0, "the first goal")
    monkeypatch.setattr(goals, "ACCEPT_S", 0.3)
    server.accept_s = 1.0
    with pytest.raises(goals.NoAnswerError, match="asked to take a goal"):
        _ask(asker, timeout_s=60.0)
    wait_until(lambda: server.cancels, what="the cancel")
    assert server.cancels == 1, "both goals were cancelled"


class HastyServer:
    """Stands for the client's handle: whatever is sent is answered before the client library gets to note it."""

    def __init__(self, handle):
        self._handle = handle

    def __getattr__(self, name):
        value = getattr(self._handle, name)
        if not (name.startswith("send_") and name.endswith("_request")):
            return value

        def send(request):
            number = value(request)
            threading.Event().wait(0.5)
            return number

        return send

    def __enter__(self):
        return self._handle.__enter__()

    def __exit__(self, *args):
        return self._handle.__exit__(*args)


def test_an_answer_that_comes_before_the_question_is_noted_is_not_lost(asker, server):
    action = asker.action
    assert action.wait_for_server(timeout_sec=60.0)
    action._client_handle = HastyServer(action._client_handle)
    handle = goals.await_future(action.send_goal_async(MoveTo.Goal()), 20.0, "the goal")
    assert handle.accepted
    cancel = goals.await_future(handle.cancel_goal_async(), 20.0, "the cancel")
    assert len(cancel.goals_canceling) == 1
    assert goals.await_future(handle.get_result_async(), 20.0, "the result").result == MoveTo.Result()
