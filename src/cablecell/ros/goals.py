"""Long goals and calls to other nodes without blocking an executor: each goal runs in a thread of its own."""

from __future__ import annotations

import concurrent.futures
import contextlib
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from action_msgs.msg import GoalInfo
from action_msgs.srv import CancelGoal
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from unique_identifier_msgs.msg import UUID

from cablecell.core.errors import CancelledError, NotActiveError, SupervisionError, WorkcellError
from cablecell.ros.error_codes import fill_result

ACCEPT_S = 10.0
"""Longest time until a server says whether it takes a goal; on a busy machine the answer may get lost."""

REPEAT_S = 3.0
"""Time after which a service is asked again when it has not answered."""

_CANCEL_S = 2.0
_GOODBYE_S = 0.3
_POLL_S = 0.01
_TURN_S = 0.005


class NoAnswerError(SupervisionError):
    """Another node did not answer in time."""

    code = 605


class BusyError(SupervisionError):
    """The node is working on another goal; nothing was done."""

    code = 606


class RemoteError(SupervisionError):
    """Another node answered with an error; it is passed on with the code that node gave.

    Attributes:
        attempts: How often that node tried; 0 where its answer does not say.
        answer: The answer itself, with what was measured; None where it was not kept.
    """

    code = 607
    attempts = 0
    answer: Any = None

    @classmethod
    def with_code(cls, code: int, text: str) -> RemoteError:
        """Return the error that another node told by its code."""
        error = cls(text)
        error.__dict__["code"] = code
        return error

    @classmethod
    def of(cls, answer: Any) -> RemoteError:
        """Return the error that an answer with `error_code` and `error_msg` carries."""
        error = cls.with_code(int(answer.error_code), answer.error_msg)
        error.attempts = int(getattr(answer, "attempts", 0))
        error.answer = answer
        return error


@dataclass
class Turns:
    """What becomes of a goal that comes while another one runs, where it is not simply rejected.

    Shared by the actions that share a lock, so that a goal of one may take over from a goal of another.

    Attributes:
        preempts: Whether a goal wants the running one stopped for it.
        longest_s: How long it waits for that, s.
        busy: What it ends with where it does not get its turn.
        running: The goal that has its turn.
    """

    preempts: Callable[[Any], bool]
    longest_s: float
    busy: Callable[[], WorkcellError]
    running: RunningGoal | None = field(default=None, init=False)


class GoalRunner:
    """Serves one action; a goal runs in a thread while the executor goes on.

    The status stays ACCEPTED until the work is over, because rclpy runs the execute callback in the executor.
    """

    def __init__(
        self,
        node: Any,
        action_type: Any,
        name: str,
        run: Callable[[RunningGoal], Any],
        lock: threading.Lock,
        make_result: Callable[[Exception | None], Any] | None = None,
        turns: Turns | None = None,
    ) -> None:
        """Create the server.

        Args:
            node: A `CellNode`.
            action_type: The action.
            name: Its name.
            run: Does the work and returns the result of a success; a typed error ends the goal with its code, and the
                result that is then in `RunningGoal.result`.
            lock: Shared by the actions of which only one may run at a time.
            make_result: Returns the result where the action has no `error_code`.
            turns: For an action whose goals are all taken, and answered with an error while another one runs; None
                where they are rejected.
        """
        self._node, self._action_type, self._run, self._busy = node, action_type, run, lock
        self._make_result, self._turns = make_result, turns
        self._threads: list[threading.Thread] = []
        self._ended_s = -_GOODBYE_S
        self._server = ActionServer(
            node,
            action_type,
            name,
            execute_callback=_never,
            goal_callback=self._judge,
            handle_accepted_callback=self._accept,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
        )

    def destroy(self) -> None:
        """Wait for the work and take the server away, after what the executor still has to answer for it.

        When the node is shut down right after a goal the server stays for `_GOODBYE_S`: the client's request for the
        result may still wait behind this very call, and an answer is lost when its writer goes before it is
        acknowledged. A node that may be configured again cannot wait: two servers of one action would both answer.
        """
        self.join()
        is_goodbye_due = self._node.is_closing and time.monotonic() < self._ended_s + _GOODBYE_S
        executor = self._node.executor
        if executor is None:
            self._server.destroy()
        elif is_goodbye_due:
            goodbye = threading.Timer(_GOODBYE_S, lambda: executor.create_task(self._server.destroy))
            goodbye.daemon = True
            goodbye.start()
        else:
            executor.create_task(self._server.destroy)

    def join(self, timeout_s: float = 5.0) -> None:
        """Wait for running work, which ends when its node is not active."""
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(timeout_s)

    def _judge(self, _: Any) -> GoalResponse:
        if not self._node.is_active:
            self._node.get_logger().warning("goal rejected: the node is not active")
            return GoalResponse.REJECT
        if self._turns is None and not self._busy.acquire(blocking=False):
            self._node.get_logger().warning("goal rejected: another goal is being worked on")
            return GoalResponse.REJECT
        return GoalResponse.ACCEPT

    def _accept(self, handle: Any) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=self._work, args=(handle,), name="goal", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self, handle: Any) -> None:
        goal = RunningGoal(self._node, handle, self._action_type)
        error = self._begin(goal, handle.request)
        if error is None:
            if self._turns is not None:
                self._turns.running = goal
            try:
                goal.result = self._run(goal)
            except WorkcellError as caught:
                error = caught
            except Exception as caught:
                error = caught
                self._node.get_logger().error(f"unexpected {type(caught).__name__}: {caught}")
            finally:
                if self._turns is not None:
                    self._turns.running = None
                self._ended_s = time.monotonic()
                self._busy.release()
        if error is not None:
            self._node.get_logger().error(f"goal failed, code {getattr(error, 'code', 1)}: {error}")
        make = self._make_result
        result = fill_result(goal.result, error) if make is None else make(error)
        if self._node.executor is None:  # the process is ending; nobody can be answered any more
            return

        answer(handle, result, is_good=error is None)

    def _begin(self, goal: RunningGoal, request: Any) -> Exception | None:
        """Wait for the goal's turn; return why it does not get it."""
        turns = self._turns
        if turns is None:  # it has had it since it was judged
            return None
        if not turns.preempts(request):
            return None if self._busy.acquire(blocking=False) else turns.busy()
        end_s = time.monotonic() + turns.longest_s
        while not self._busy.acquire(timeout=_TURN_S):
            running = turns.running
            if running is not None:  # else it is about to begin, or to end
                running.is_preempted = True
            if time.monotonic() > end_s:
                return turns.busy()
        return None


def answer(handle: Any, result: Any, *, is_good: bool) -> None:
    """End a goal with its result: succeeded, canceled where somebody asked for that, or aborted."""

    def finish(accepted: Any) -> Any:
        if is_good:
            accepted.succeed()
        elif accepted.is_cancel_requested:
            accepted.canceled()
        else:
            accepted.abort()
        return result

    handle.execute(finish)


def _never(handle: Any) -> Any:
    raise RuntimeError(f"goal {handle.goal_id} was executed without its work")


class RunningGoal:
    """One goal while its thread works on it.

    Attributes:
        request: The goal.
        result: What is answered; fill it before an error is raised so that measurements are not lost.
        is_preempted: Whether a newer goal waits for this one to end.
    """

    def __init__(self, node: Any, handle: Any, action_type: Any) -> None:
        self._node, self._handle = node, handle
        self.request = handle.request
        self.result = action_type.Result()
        self.is_preempted = False

    @property
    def is_cancelled(self) -> bool:
        """Whether the client wants the goal to end."""
        return bool(self._handle.is_cancel_requested)

    def publish_feedback(self, feedback: Any) -> None:
        """Send feedback; may be called from any thread."""
        self._handle.publish_feedback(feedback)

    def check(self) -> None:
        """Raise when the goal has to end.

        Raises:
            CancelledError: The client cancelled, or a newer goal took over (code 603).
            NotActiveError: The node is not active any more (code 604).
        """
        if self.is_cancelled:
            raise CancelledError("cancelled by the client")
        if self.is_preempted:
            raise CancelledError("a newer goal took over")
        if not self._node.is_active:
            raise NotActiveError("the node was deactivated while it worked on the goal")


def await_future(future: Any, timeout_s: float, what: str, check: Callable[[], None] | None = None) -> Any:
    """Return the result of a future that an executor in another thread completes.

    Args:
        future: Of rclpy.
        timeout_s: Longest wait, s.
        what: Who is asked, for the message.
        check: Called ten times a second; what it raises ends the wait.

    Raises:
        NoAnswerError: Not within the time (code 605).
    """
    done = threading.Event()
    future.add_done_callback(lambda _: done.set())
    end_s = time.monotonic() + timeout_s
    while not done.wait(0.1):
        if check is not None:
            check()
        if time.monotonic() > end_s:
            raise NoAnswerError(
                f"{what} did not answer within {timeout_s} s", quantity="answer_s", limit=timeout_s, unit="s"
            )
    return future.result()


def call(
    client: Any,
    request: Any,
    timeout_s: float,
    check: Callable[[], None] | None = None,
    *,
    repeat_s: float | None = REPEAT_S,
) -> Any:
    """Call a service from a thread that is not the executor's.

    Args:
        client: Of rclpy.
        request: What is wanted.
        timeout_s: Longest wait for the service, and for its answer, s.
        check: Called ten times a second; what it raises ends the wait.
        repeat_s: Ask again after this time without an answer: a server that has not yet discovered the client's side
            throws its answer away. None where asking twice would do harm.

    Raises:
        NoAnswerError: The service is not there, or did not answer in time (code 605).
    """
    end_s = time.monotonic() + timeout_s
    while not client.wait_for_service(timeout_sec=0.1):
        if check is not None:
            check()
        if time.monotonic() > end_s:
            raise NoAnswerError(
                f"service {client.srv_name} is not there after {timeout_s} s",
                quantity="service",
                value=client.srv_name,
                limit=timeout_s,
                unit="s",
            )
    end_s = time.monotonic() + timeout_s
    while True:
        left_s = end_s - time.monotonic()
        wait_s = left_s if repeat_s is None else min(left_s, repeat_s)
        future = client.call_async(request)
        try:
            return await_future(future, wait_s, f"service {client.srv_name}", check)
        except NoAnswerError as error:
            client.remove_pending_request(future)
            if time.monotonic() >= end_s:
                raise NoAnswerError(
                    f"service {client.srv_name} did not answer within {timeout_s} s",
                    quantity="answer_s",
                    limit=timeout_s,
                    unit="s",
                ) from error


def in_executor(node: Any, function: Callable[[], Any], timeout_s: float = 5.0) -> Any:
    """Run a function in the executor's thread and return what it returns.

    An action client must be asked from there: it notes whom it asked after it has asked, and an answer that comes in
    between is thrown away.

    Raises:
        NoAnswerError: The executor did not get to it in time, or has ended (code 605); then it is not run later either.
    """
    answer: concurrent.futures.Future[Any] = concurrent.futures.Future()

    def run() -> None:
        if not answer.set_running_or_notify_cancel():
            return
        try:
            answer.set_result(function())
        except Exception as error:
            answer.set_exception(error)

    executor = node.executor
    if executor is None:
        raise NoAnswerError("the node is ending")
    executor.create_task(run)
    try:
        return answer.result(timeout_s)
    except concurrent.futures.TimeoutError as error:
        if not answer.cancel():
            return answer.result()  # it has begun
        raise NoAnswerError(f"the executor did not answer within {timeout_s} s") from error


def run_action(
    node: Any,
    client: Any,
    name: str,
    goal: Any,
    timeout_s: float,
    check: Callable[[], None],
    on_feedback: Callable[[Any], None] | None = None,
) -> Any:
    """Run a goal of another node to its end; when `check` raises, it is cancelled there first.

    Args:
        node: Owner of the client.
        client: A `MutualActionClient`.
        name: Of the action, for messages.
        goal: What is wanted.
        timeout_s: Longest time, s.
        check: Called ten times a second; what it raises cancels the goal and is raised again.
        on_feedback: Gets the feedback, in the executor's thread.

    Raises:
        NoAnswerError: No server, nobody took the goal, or no result in time (code 605).
        BusyError: The server rejected the goal (code 606).
        RemoteError: The server answered with an error; carries its code.
    """
    end_s = time.monotonic() + timeout_s
    while not client.server_is_ready():
        check()
        if time.monotonic() > end_s:
            raise NoAnswerError(f"action {name} is not there after {timeout_s} s", quantity="action", value=name)
        time.sleep(_POLL_S)
    feedback = None if on_feedback is None else lambda message: on_feedback(message.feedback)
    goal_id = UUID(uuid=list(uuid.uuid4().bytes))
    sent = in_executor(node, lambda: client.send_goal_async(goal, feedback_callback=feedback, goal_uuid=goal_id))
    try:
        handle = await_future(sent, min(timeout_s, ACCEPT_S), f"action {name}, asked to take a goal,", check)
    except WorkcellError:
        in_executor(node, lambda: sent.add_done_callback(_cancel_taken))  # the cancel may overtake the goal
        _cancel(node, name, goal_id)
        raise
    if not handle.accepted:
        raise BusyError(f"action {name} rejected the goal: it is busy or not active", quantity="action", value=name)
    future = in_executor(node, handle.get_result_async)
    try:
        result = await_future(future, timeout_s, f"action {name}", check)
    except WorkcellError:
        with contextlib.suppress(NoAnswerError):  # the reason of the cancel matters more
            in_executor(node, handle.cancel_goal_async)
            await_future(future, 5.0, f"action {name} after its cancel")
        raise
    answer = result.result
    if getattr(answer, "error_code", 0) != 0:
        raise RemoteError.of(answer)
    return answer


def _cancel_taken(sent: Any) -> None:
    """Cancel a goal nobody waits for any more, as soon as it is known to have been taken."""
    if sent.exception() is None and sent.result().accepted:
        sent.result().cancel_goal_async()


def _cancel(node: Any, name: str, goal_id: UUID) -> None:
    """Cancel a goal that may have been taken though the answer never came; other clients' goals go on."""
    client = node.create_client(CancelGoal, f"{name}/_action/cancel_goal")
    with contextlib.suppress(NoAnswerError):  # the reason of the cancel matters more
        try:
            call(client, CancelGoal.Request(goal_info=GoalInfo(goal_id=goal_id)), _CANCEL_S)
        finally:
            in_executor(node, lambda: node.destroy_client(client))
