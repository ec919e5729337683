"""Asks the supervisor for the arm: a job and a person never move it at the same time."""

from __future__ import annotations

from typing import Any

import rclpy
from cablecell_interfaces.srv import RequestControl
from rclpy.executors import SingleThreadedExecutor

from cablecell.ros.error_codes import SUCCESS
from cablecell.ros.goals import NoAnswerError, RemoteError

SERVICE = "request_control"


class SupervisorConsent:
    """Client of `request_control`, with a node and an executor of its own, so that a callback may wait for the answer.

    Attributes:
        is_held: Whether the supervisor has given the arm to us, as far as we know: after an answer that did not come it
            may have, so that it counts as held until the supervisor says otherwise.
    """

    def __init__(self, node: Any, limit_s: float) -> None:
        """Connect; `limit_s` is how long an answer may take."""
        self._name, self._limit_s = node.get_fully_qualified_name(), limit_s
        self._asker = rclpy.create_node(
            f"_{node.get_name()}_consent",
            context=node.context,
            namespace=node.get_namespace(),
            use_global_arguments=False,
            start_parameter_services=False,
        )
        self._client = self._asker.create_client(RequestControl, SERVICE)
        self._executor = SingleThreadedExecutor(context=node.context)
        self._executor.add_node(self._asker)
        self.is_held = False

    def destroy(self) -> None:
        """Leave the graph."""
        self._executor.shutdown()
        self._asker.destroy_node()

    def take(self) -> None:
        """Take the arm from the jobs.

        Raises:
            NoAnswerError: There is no supervisor, or it does not answer (code 605).
            RemoteError: It refused; the code is its own.
        """
        self._ask(take=True)

    def give_back(self) -> None:
        """Give the arm back; to be repeated while `is_held`.

        Raises:
            NoAnswerError: There is no supervisor, or it does not answer (code 605).
            RemoteError: It refused; the code is its own.
        """
        self._ask(take=False)

    def _ask(self, *, take: bool) -> None:
        if not self._client.service_is_ready():
            raise NoAnswerError(
                f"{SERVICE} of the supervisor is not there; start the cell, or set supervised to false",
                quantity=SERVICE,
                value="not there",
            )
        self.is_held = True  # from here on it may be, whether or not we hear of it
        future = self._client.call_async(RequestControl.Request(holder=self._name, take=take))
        self._executor.spin_until_future_complete(future, timeout_sec=self._limit_s)
        if not future.done():
            self._client.remove_pending_request(future)
            raise NoAnswerError(
                f"the supervisor did not answer {SERVICE} within {self._limit_s} s",
                quantity=SERVICE,
                limit=self._limit_s,
                unit="s",
            )
        answer = future.result()
        self.is_held = take and answer.error_code == SUCCESS
        if answer.error_code != SUCCESS:
            raise RemoteError.of(answer)
