"""The node of a policy as the challenge's engine sees it: found, checked, led through its states."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from aic_task_interfaces.action import InsertCable
from aic_task_interfaces.msg import Task
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState

from cablecell.core.config.aic import AicEngineParameters
from cablecell.core.errors import SupervisionError
from cablecell.ros.action_client import MutualActionClient

Spin = Callable[[Callable[[], Any], float], bool]

REJECT_S = 5.0
"""Longest time until a goal is refused; the challenge's engine waits 1 s, which a busy machine may need for a call."""

_ASK_AGAIN_S = 3.0


class AicModelError(SupervisionError):
    """The node of the policy is missing, answers too late or does not keep to the rules of the challenge."""

    code = 860


class ModelClient:
    """Client of the node that runs the policy.

    Args:
        node: Owner of the clients.
        spin_until: Handles messages until a condition holds; returns False when it does not within a time, s.
        settings: Name of the node, and limits.
    """

    def __init__(self, node: Any, spin_until: Spin, settings: AicEngineParameters) -> None:
        self._node, self._spin_until, self._settings = node, spin_until, settings
        name = settings.model_node_name
        self._get_state = node.create_client(GetState, f"/{name}/get_state")
        self._change_state = node.create_client(ChangeState, f"/{name}/change_state")
        self._insert = MutualActionClient(node, InsertCable, "/insert_cable")

    def destroy(self) -> None:
        """Take the clients away."""
        self._insert.destroy()

    def find(self) -> None:
        """Wait until the node is there, once.

        Raises:
            AicModelError: It is not there in time, or there are several of the name (code 860).
        """
        name, limit_s = self._settings.model_node_name, self._settings.model_discovery_timeout_seconds
        if not self._spin_until(lambda: self._count() > 0 and self._get_state.service_is_ready(), limit_s):
            raise AicModelError(f"no node {name} within {limit_s:g} s", quantity="model", value=name, limit=limit_s)
        if self._count() > 1:
            raise AicModelError(
                f"there are {self._count()} nodes {name}; there must be one", quantity="model", value=name
            )

    def prepare(self, task: Task) -> None:
        """Configure the model: it must be unconfigured before, and afterwards refuse a goal.

        Raises:
            AicModelError: It does not (code 860).
        """
        state = self._state()
        if state != State.PRIMARY_STATE_UNCONFIGURED:
            raise AicModelError(f"the model must begin unconfigured, and is in state {state}", value=state)
        self._change(Transition.TRANSITION_CONFIGURE, "configure", self._settings.model_configure_timeout_seconds)
        self._wait_for_server()
        if self._answer(self._send(task, None), REJECT_S, "the goal that must be refused").accepted:
            raise AicModelError("the model takes goals before it is active")

    def activate(self) -> None:
        """Activate the model.

        Raises:
            AicModelError: It does not become active (code 860).
        """
        self._change(Transition.TRANSITION_ACTIVATE, "activate", self._settings.model_activate_timeout_seconds)
        self._wait_for_server()

    def deactivate(self) -> None:
        """Deactivate the model.

        Raises:
            AicModelError: It stays active (code 860).
        """
        self._change(Transition.TRANSITION_DEACTIVATE, "deactivate", self._settings.model_deactivate_timeout_seconds)

    def finish(self) -> list[str]:
        """Clean the model up and shut it down; return the command topics to which something still publishes.

        Raises:
            AicModelError: It does not do so (code 860).
        """
        settings = self._settings
        self._change(Transition.TRANSITION_CLEANUP, "cleanup", settings.model_cleanup_timeout_seconds)
        shutdown = Transition.TRANSITION_UNCONFIGURED_SHUTDOWN
        self._change(shutdown, "shutdown", settings.model_shutdown_timeout_seconds)
        topics = [f"/aic_controller/{kind}_commands" for kind in ("pose", "joint")]
        self._spin_until(lambda: not any(map(self._node.count_publishers, topics)), 2.0)
        return [topic for topic in topics if self._node.count_publishers(topic)]

    def insert(self, task: Task, on_feedback: Callable[[str], None]) -> Any:
        """Send the goal and return its handle.

        Raises:
            AicModelError: The active model refuses it (code 860).
        """
        handle = self._answer(self._send(task, on_feedback), 10.0, "the goal")
        if not handle.accepted:
            raise AicModelError("the active model refuses the goal")
        return handle

    def result(self, handle: Any, limit_s: float) -> Any:
        """Return the answer to a goal, or None when there is none in time; then the goal is cancelled."""
        future = handle.get_result_async()
        if self._spin_until(future.done, limit_s):
            return future.result()
        cancelled = handle.cancel_goal_async()
        self._spin_until(cancelled.done, 2.0)
        self._spin_until(future.done, 3.0)  # the model looks once in a second
        return None

    def _send(self, task: Task, on_feedback: Callable[[str], None] | None) -> Any:
        def hear(message: Any) -> None:
            if on_feedback is not None:
                on_feedback(message.feedback.message)

        return self._insert.send_goal_async(InsertCable.Goal(task=task), feedback_callback=hear)

    def _wait_for_server(self) -> None:
        limit_s = self._settings.endpoint_ready_timeout_seconds
        if not self._spin_until(self._insert.server_is_ready, limit_s):
            raise AicModelError(f"no action /insert_cable within {limit_s:g} s", quantity="action", limit=limit_s)

    def _count(self) -> int:
        return list(self._node.get_node_names()).count(self._settings.model_node_name)

    def _state(self) -> int:
        return int(self._ask(self._get_state, GetState.Request(), 10.0, "get_state").current_state.id)

    def _change(self, transition: int, name: str, limit_s: float) -> None:
        request = ChangeState.Request()
        request.transition.id = transition
        if not self._answer(self._change_state.call_async(request), limit_s, name).success:
            raise AicModelError(f"the model refuses to {name}", quantity="transition", value=name)

    def _ask(self, client: Any, request: Any, limit_s: float, what: str) -> Any:
        """Ask again where no answer comes: a server that has not met this client yet loses it."""
        end_s = time.monotonic() + limit_s
        while time.monotonic() < end_s:
            future = client.call_async(request)
            if self._spin_until(future.done, min(_ASK_AGAIN_S, limit_s)):
                return future.result()
        raise AicModelError(f"the model did not answer to {what} within {limit_s:g} s", quantity=what, limit=limit_s)

    def _answer(self, future: Any, limit_s: float, what: str) -> Any:
        if not self._spin_until(future.done, limit_s):
            raise AicModelError(
                f"the model did not answer to {what} within {limit_s:g} s", quantity=what, limit=limit_s
            )
        return future.result()
