"""An action client that says it is ready only when the server knows it too, and loses no answer."""

from __future__ import annotations

import threading
import time
import uuid
from typing import Any

from action_msgs.msg import GoalInfo
from action_msgs.srv import CancelGoal
from rclpy.action import ActionClient
from unique_identifier_msgs.msg import UUID

_REPEAT_S = 0.2


class MutualActionClient(ActionClient):
    """An `ActionClient` whose goals are not lost in the first moments, and which any thread may ask.

    The client library's own is ready as soon as this side has discovered the server. The server may not have
    discovered this side yet, and then throws away the goal without a word: one goal in four when a client is used
    at once. So this client first asks the server to cancel a goal that does not exist, which changes nothing, until
    it answers. It asks through a service client made after the action client: discovery keeps the order in which
    one process announces its endpoints, so whoever answers to the later one knows the earlier ones.

    The client library's own also notes whom it asked only after it has asked: an answer that the executor takes in
    between is thrown away as unexpected. Here the executor waits until that is noted.
    """

    def __init__(self, node: Any, action_type: Any, action_name: str) -> None:
        """Create the client.

        Args:
            node: Owner; something must spin it for the client to become ready.
            action_type: The action.
            action_name: Its name.
        """
        self._asking = threading.Lock()
        super().__init__(node, action_type, action_name)
        self._asking_node = node
        self._asker = node.create_client(CancelGoal, f"{action_name}/_action/cancel_goal")
        self._answers: list[Any] = []
        self._is_known = False
        self._asked_s = 0.0

    def server_is_ready(self) -> bool:
        """Return whether there is a server, and whether it knows this client; does not wait."""
        if not super().server_is_ready() or not self._asker.service_is_ready():
            self._is_known = False  # whoever serves next has to be met anew
            self._forget()
            return False
        if not self._is_known:
            # A late answer counts as much as a quick one: on a busy machine each may take longer than the repeat.
            self._is_known = any(answer.done() for answer in self._answers)
            if self._is_known:
                self._forget()
        if self._is_known:
            return True
        now_s = time.monotonic()
        if not self._answers or now_s - self._asked_s > _REPEAT_S:
            nobody = UUID(uuid=list(uuid.uuid4().bytes))
            self._answers.append(self._asker.call_async(CancelGoal.Request(goal_info=GoalInfo(goal_id=nobody))))
            self._asked_s = now_s
        return False

    def send_goal_async(self, *args: Any, **kwargs: Any) -> Any:
        """Send a goal as the client library does; from any thread."""
        with self._asking:
            return super().send_goal_async(*args, **kwargs)

    def _get_result_async(self, goal_handle: Any) -> Any:
        with self._asking:
            return super()._get_result_async(goal_handle)

    def _cancel_goal_async(self, goal_handle: Any) -> Any:
        with self._asking:
            return super()._cancel_goal_async(goal_handle)

    async def execute(self, taken_data: Any) -> None:
        """Handle what arrived, after whoever asks right now has noted it."""
        with self._asking:
            pass
        await super().execute(taken_data)

    def _forget(self) -> None:
        for answer in self._answers:
            self._asker.remove_pending_request(answer)
        self._answers.clear()

    def destroy(self) -> None:
        """Take the client away."""
        self._asking_node.destroy_client(self._asker)
        super().destroy()
