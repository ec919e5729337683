"""Asking somebody else's buffer, over the ``tf2_msgs/action/LookupTransform`` action."""

from __future__ import annotations

import threading
from time import monotonic
from typing import Any

from builtin_interfaces.msg import Time as TimeMessage
from geometry_msgs.msg import TransformStamped
from rclpy.action import ActionClient
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.task import Future
from rclpy.time import Time
from tf2_msgs.action import LookupTransform
from tf2_msgs.msg import TF2Error
from tf2_py import (
    ConnectivityException,
    ExtrapolationException,
    InvalidArgumentException,
    LookupException,
    TimeoutException,
    TransformException,
)

from tf2_ros.buffer_interface import BufferInterface

_EXCEPTIONS: dict[int, type[TransformException]] = {
    TF2Error.LOOKUP_ERROR: LookupException,
    TF2Error.CONNECTIVITY_ERROR: ConnectivityException,
    TF2Error.EXTRAPOLATION_ERROR: ExtrapolationException,
    TF2Error.INVALID_ARGUMENT_ERROR: InvalidArgumentException,
    TF2Error.TIMEOUT_ERROR: TimeoutException,
}


class BufferClient(BufferInterface):
    """A buffer that asks a buffer server; its look-ups block, so the node must be spun by another thread.

    Args:
        node: Sends the goals.
        ns: Name of the server's action.
        check_frequency: How often, in Hz, a wait looks whether the server is still there.
        timeout_padding: How much longer than the look-up's own time-out to wait for the server.
    """

    def __init__(
        self,
        node: Node,
        ns: str,
        check_frequency: float = 10.0,
        timeout_padding: Duration = Duration(seconds=2.0),  # noqa: B008 - upstream signature; durations are immutable
    ) -> None:
        super().__init__()
        self.node = node
        self.action_client = ActionClient(node, LookupTransform, action_name=ns)
        self.check_frequency = check_frequency
        self.timeout_padding = timeout_padding

    def destroy(self) -> None:
        """Destroy the action client."""
        self.action_client.destroy()

    def lookup_transform(
        self,
        target_frame: str,
        source_frame: str,
        time: Time,
        timeout: Duration = Duration(),  # noqa: B008 - upstream signature; durations are immutable
    ) -> TransformStamped:
        """Return the pose of the source frame in the target frame.

        Args:
            target_frame: Frame to express the result in.
            source_frame: Frame whose pose is asked for.
            time: Time of the pose; 0 for the latest.
            timeout: How long the server may wait for it.

        Raises:
            TimeoutException: There is no server, or it did not answer in time.
            TransformException: What the server's buffer raised.
        """
        goal = LookupTransform.Goal(
            target_frame=target_frame,
            source_frame=source_frame,
            source_time=_time_message(time),
            timeout=timeout.to_msg(),
            advanced=False,
        )
        return self._ask(goal, timeout)

    def lookup_transform_full(
        self,
        target_frame: str,
        target_time: Time,
        source_frame: str,
        source_time: Time,
        fixed_frame: str,
        timeout: Duration = Duration(),  # noqa: B008 - upstream signature; durations are immutable
    ) -> TransformStamped:
        """Return the pose of the source frame at one time in the target frame at another.

        Args:
            target_frame: Frame to express the result in.
            target_time: Time of the target frame.
            source_frame: Frame whose pose is asked for.
            source_time: Time of the source frame.
            fixed_frame: Frame that stands still between the two times.
            timeout: How long the server may wait for it.

        Raises:
            TimeoutException: There is no server, or it did not answer in time.
            TransformException: What the server's buffer raised.
        """
        goal = LookupTransform.Goal(
            target_frame=target_frame,
            target_time=_time_message(target_time),
            source_frame=source_frame,
            source_time=_time_message(source_time),
            fixed_frame=fixed_frame,
            timeout=timeout.to_msg(),
            advanced=True,
        )
        return self._ask(goal, timeout)

    def can_transform(
        self,
        target_frame: str,
        source_frame: str,
        time: Time,
        timeout: Duration = Duration(),  # noqa: B008 - upstream signature; durations are immutable
    ) -> bool:
        """Tell whether `lookup_transform` answers.

        Args:
            target_frame: Frame to express the result in.
            source_frame: Frame whose pose is asked for.
            time: Time of the pose; 0 for the latest.
            timeout: How long the server may wait for it.
        """
        try:
            self.lookup_transform(target_frame, source_frame, time, timeout)
        except TransformException:
            return False
        return True

    def can_transform_full(
        self,
        target_frame: str,
        target_time: Time,
        source_frame: str,
        source_time: Time,
        fixed_frame: str,
        timeout: Duration = Duration(),  # noqa: B008 - upstream signature; durations are immutable
    ) -> bool:
        """Tell whether `lookup_transform_full` answers.

        Args:
            target_frame: Frame to express the result in.
            target_time: Time of the target frame.
            source_frame: Frame whose pose is asked for.
            source_time: Time of the source frame.
            fixed_frame: Frame that stands still between the two times.
            timeout: How long the server may wait for it.
        """
        try:
            self.lookup_transform_full(target_frame, target_time, source_frame, source_time, fixed_frame, timeout)
        except TransformException:
            return False
        return True

    def _ask(self, goal: LookupTransform.Goal, timeout: Duration) -> TransformStamped:
        if not self.action_client.server_is_ready():
            raise TimeoutException("The BufferServer is not ready.")
        deadline = monotonic() + (timeout.nanoseconds + self.timeout_padding.nanoseconds) * 1e-9
        goal_handle = self._await(self.action_client.send_goal_async(goal), deadline)
        if not goal_handle.accepted:
            raise TimeoutException(
                "The LookupTransform goal sent to the BufferServer did not come back with accepted status. "
                "Something is likely wrong with the server."
            )
        result = self._await(goal_handle.get_result_async(), deadline).result
        if result.error.error == TF2Error.NO_ERROR:
            return result.transform
        raise _EXCEPTIONS.get(result.error.error, TransformException)(result.error.error_string)

    def _await(self, future: Future, deadline: float) -> Any:
        """Return the future's result, which the thread that spins the node sets."""
        done = threading.Event()
        future.add_done_callback(lambda _: done.set())
        while not done.wait(max(0.0, min(1.0 / self.check_frequency, deadline - monotonic()))):
            if monotonic() >= deadline or not self.action_client.server_is_ready():
                raise TimeoutException(
                    "The LookupTransform goal sent to the BufferServer did not come back in the specified time. "
                    "Something is likely wrong with the server."
                )
        return future.result()


def _time_message(time: Time | TimeMessage) -> TimeMessage:
    if isinstance(time, TimeMessage):
        return time
    if isinstance(time, Time):
        return time.to_msg()
    raise TypeError(f"Must pass a rclpy.time.Time object, not {type(time).__name__}.")
