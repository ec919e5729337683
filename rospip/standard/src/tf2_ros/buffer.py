"""The buffer a node uses: look-ups that wait, futures, the ``tf2_frames`` service and a reset when time jumps back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from time import monotonic

from geometry_msgs.msg import TransformStamped
from rclpy.clock import Clock, JumpThreshold, TimeJump
from rclpy.duration import Duration
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.task import Future
from rclpy.time import Time
from tf2_msgs.srv import FrameGraph
from tf2_py import BufferCore, TransformException
from tf2_py.buffer_core import TransformRecord

from tf2_ros.buffer_interface import BufferInterface

Lookup = Callable[[], TransformStamped]


class Buffer(BufferCore, BufferInterface):
    """A `BufferCore` whose look-ups can wait for data.

    A blocking wait needs somebody else to feed the buffer meanwhile: a `TransformListener` with its own thread, or an
    executor that runs the listener's callbacks beside the waiting one.

    Args:
        cache_time: How long samples are kept; 10 s by default.
        node: Offers the service ``tf2_frames`` and whose clock, when it jumps back, clears the buffer.
    """

    def __init__(self, cache_time: Duration | None = None, node: Node | None = None) -> None:
        BufferCore.__init__(self, cache_time)
        BufferInterface.__init__(self)
        self._arrival = threading.Condition()
        self._waiting_threads = 0
        self._pending: list[tuple[Future, Lookup]] = []
        if node is None:
            self.clock = Clock()
        else:
            self.srv = node.create_service(FrameGraph, "tf2_frames", self._describe_frames)
            self.clock = node.get_clock()
        threshold = JumpThreshold(min_forward=None, min_backward=Duration(seconds=-1), on_clock_change=True)
        self.jump_handle = self.clock.create_jump_callback(threshold, post_callback=self.time_jump_callback)

    def time_jump_callback(self, time_jump: TimeJump) -> None:
        """Clear the buffer because its clock jumped: samples of another time line would be interpolated with new ones.

        Args:
            time_jump: What the clock did.
        """
        get_logger("tf2_buffer").warning("Detected jump back in time. Clearing tf buffer.")
        self.clear()

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
            time: Time of the pose; 0 for the latest that all frames in between have.
            timeout: How long to wait for it.

        Raises:
            LookupException: A frame does not exist.
            ConnectivityException: The frames are in different trees.
            ExtrapolationException: The time is outside the stored samples.
            InvalidArgumentException: A frame name is empty or starts with a slash.
        """
        self.can_transform(target_frame, source_frame, time, timeout)
        return self.lookup_transform_core(target_frame, source_frame, time)

    async def lookup_transform_async(self, target_frame: str, source_frame: str, time: Time) -> TransformStamped:
        """Return the pose of the source frame in the target frame once it is known.

        Args:
            target_frame: Frame to express the result in.
            source_frame: Frame whose pose is asked for.
            time: Time of the pose; 0 for the latest.
        """
        await self.wait_for_transform_async(target_frame, source_frame, time)
        return self.lookup_transform_core(target_frame, source_frame, time)

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
            timeout: How long to wait for it.

        Raises:
            TransformException: As `lookup_transform`.
        """
        self.can_transform_full(target_frame, target_time, source_frame, source_time, fixed_frame, timeout)
        return self.lookup_transform_full_core(target_frame, target_time, source_frame, source_time, fixed_frame)

    async def lookup_transform_full_async(
        self, target_frame: str, target_time: Time, source_frame: str, source_time: Time, fixed_frame: str
    ) -> TransformStamped:
        """Return the pose of the source frame at one time in the target frame at another, once it is known.

        Args:
            target_frame: Frame to express the result in.
            target_time: Time of the target frame.
            source_frame: Frame whose pose is asked for.
            source_time: Time of the source frame.
            fixed_frame: Frame that stands still between the two times.
        """
        await self.wait_for_transform_full_async(target_frame, target_time, source_frame, source_time, fixed_frame)
        return self.lookup_transform_full_core(target_frame, target_time, source_frame, source_time, fixed_frame)

    def can_transform(
        self,
        target_frame: str,
        source_frame: str,
        time: Time,
        timeout: Duration = Duration(),  # noqa: B008 - upstream signature; durations are immutable
        return_debug_tuple: bool = False,
    ) -> bool | tuple[bool, str]:
        """Tell whether `lookup_transform` would answer.

        Args:
            target_frame: Frame to express the result in.
            source_frame: Frame whose pose is asked for.
            time: Time of the pose; 0 for the latest.
            timeout: How long to wait for it.
            return_debug_tuple: Return also the sentence that says what is missing.
        """
        answer = self._wait(lambda: self.can_transform_core(target_frame, source_frame, time), timeout)
        return answer if return_debug_tuple else answer[0]

    def can_transform_full(
        self,
        target_frame: str,
        target_time: Time,
        source_frame: str,
        source_time: Time,
        fixed_frame: str,
        timeout: Duration = Duration(),  # noqa: B008 - upstream signature; durations are immutable
        return_debug_tuple: bool = False,
    ) -> bool | tuple[bool, str]:
        """Tell whether `lookup_transform_full` would answer.

        Args:
            target_frame: Frame to express the result in.
            target_time: Time of the target frame.
            source_frame: Frame whose pose is asked for.
            source_time: Time of the source frame.
            fixed_frame: Frame that stands still between the two times.
            timeout: How long to wait for it.
            return_debug_tuple: Return also the sentence that says what is missing.
        """
        answer = self._wait(
            lambda: self.can_transform_full_core(target_frame, target_time, source_frame, source_time, fixed_frame),
            timeout,
        )
        return answer if return_debug_tuple else answer[0]

    def wait_for_transform_async(self, target_frame: str, source_frame: str, time: Time) -> Future:
        """Return a future that is done, with the transform as its result, once `lookup_transform` would answer.

        Args:
            target_frame: Frame to express the result in.
            source_frame: Frame whose pose is asked for.
            time: Time of the pose; 0 for the latest.
        """
        return self._promise(lambda: self.lookup_transform_core(target_frame, source_frame, time))

    def wait_for_transform_full_async(
        self, target_frame: str, target_time: Time, source_frame: str, source_time: Time, fixed_frame: str
    ) -> Future:
        """Return a future that is done, with the transform as its result, once `lookup_transform_full` would answer.

        Args:
            target_frame: Frame to express the result in.
            target_time: Time of the target frame.
            source_frame: Frame whose pose is asked for.
            source_time: Time of the source frame.
            fixed_frame: Frame that stands still between the two times.
        """
        return self._promise(
            lambda: self.lookup_transform_full_core(target_frame, target_time, source_frame, source_time, fixed_frame)
        )

    def _insert(self, records: Iterable[TransformRecord], authority: str, *, is_static: bool) -> None:
        super()._insert(records, authority, is_static=is_static)
        if self._waiting_threads:
            with self._arrival:
                self._arrival.notify_all()
        if self._pending:
            self._settle_pending()

    def _wait(self, check: Callable[[], tuple[bool, str]], timeout: Duration) -> tuple[bool, str]:
        deadline = monotonic() + timeout.nanoseconds * 1e-9
        answer = check()
        if answer[0] or timeout.nanoseconds <= 0:
            return answer
        with self._arrival:
            self._waiting_threads += 1
            try:
                # checked once more now that arrivals are announced to us
                while not (answer := check())[0] and (remaining := deadline - monotonic()) > 0.0:
                    self._arrival.wait(remaining)
            finally:
                self._waiting_threads -= 1
        return answer

    def _promise(self, lookup: Lookup) -> Future:
        future = Future()
        with self._arrival:
            self._pending.append((future, lookup))
        self._settle_pending()
        return future

    def _settle_pending(self) -> None:
        """Complete the futures whose transform is there; results are set outside the lock, as they run callbacks."""
        settled: list[tuple[Future, TransformStamped]] = []
        with self._arrival:
            waiting = []
            for future, lookup in self._pending:
                if future.done() or future.cancelled():
                    continue
                try:
                    settled.append((future, lookup()))
                except TransformException:
                    waiting.append((future, lookup))
            self._pending = waiting
        for future, transform in settled:
            future.set_result(transform)

    def _describe_frames(self, request: FrameGraph.Request, response: FrameGraph.Response) -> FrameGraph.Response:
        response.frame_yaml = self.all_frames_as_yaml()
        return response
