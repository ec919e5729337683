"""Asking another node's buffer over the LookupTransform action.

Only upstream's public names are used, so the same file holds for the real ``tf2_ros``.
"""

from __future__ import annotations

import time

import pytest
from rclpy.action import ActionServer
from rclpy.duration import Duration
from rclpy.executors import MultiThreadedExecutor
from rclpy.time import Time
from tf2_msgs.action import LookupTransform
from tf2_msgs.msg import TF2Error
from tf2_ros import (
    Buffer,
    BufferClient,
    ConnectivityException,
    ExtrapolationException,
    InvalidArgumentException,
    LookupException,
    TimeoutException,
    TransformException,
)

from tests.support.tf2_graph import graph, wait_until
from tests.support.tf2_messages import LATEST, at, lasting, transform, xyz_of

CODES = {
    LookupException: TF2Error.LOOKUP_ERROR,
    ConnectivityException: TF2Error.CONNECTIVITY_ERROR,
    ExtrapolationException: TF2Error.EXTRAPOLATION_ERROR,
    InvalidArgumentException: TF2Error.INVALID_ARGUMENT_ERROR,
}


class BufferServer:
    """The part of upstream's C++ buffer server that a client talks to."""

    def __init__(self, node, name: str, buffer: Buffer) -> None:
        self._buffer = buffer
        self.action = ActionServer(node, LookupTransform, name, self._execute)

    def _execute(self, goal_handle) -> LookupTransform.Result:
        goal, result = goal_handle.request, LookupTransform.Result()
        source_time, timeout = Time.from_msg(goal.source_time), Duration.from_msg(goal.timeout)
        try:
            if goal.advanced:
                result.transform = self._buffer.lookup_transform_full(
                    goal.target_frame, Time.from_msg(goal.target_time), goal.source_frame, source_time,
                    goal.fixed_frame, timeout,
                )  # fmt: skip
            else:
                result.transform = self._buffer.lookup_transform(
                    goal.target_frame, goal.source_frame, source_time, timeout
                )
        except TransformException as error:
            result.error.error = CODES[type(error)]
            result.error.error_string = str(error)
        goal_handle.succeed()
        return result


@pytest.fixture
def served():
    """A buffer with frames w <- a at 1 s and 2 s and island <- hut, and a client that asks for it."""
    with graph() as ros:
        server_node, client_node = ros.node("server", spin=False), ros.node("client")
        buffer = Buffer()
        for parent, child in (("w", "a"), ("island", "hut")):
            for stamp in (1.0, 2.0):
                buffer.set_transform(transform(parent, child, stamp, (stamp, 0.0, 0.0)), "test")
        server = BufferServer(server_node, "tf2_buffer_server", buffer)
        ros.spin(server_node, MultiThreadedExecutor(num_threads=2))
        client = BufferClient(client_node, "tf2_buffer_server")
        wait_until(client.action_client.server_is_ready, "the action server")
        yield client
        client.destroy()
        server.action.destroy()


def test_the_client_answers_like_the_buffer_behind_it(served):
    assert xyz_of(served.lookup_transform("w", "a", at(1.5)))[0] == pytest.approx(1.5)
    answer = served.lookup_transform_full("a", at(2.0), "a", at(1.0), "w", lasting(0.1))
    assert xyz_of(answer)[0] == pytest.approx(-1.0)
    assert served.can_transform("w", "a", LATEST)
    assert not served.can_transform("w", "ghost", LATEST)
    assert not served.can_transform_full("w", at(1.0), "a", at(9.0), "w")


@pytest.mark.parametrize(
    ("target", "source", "time_s", "expected"),
    [
        ("w", "ghost", 1.5, LookupException),
        ("w", "hut", 1.5, ConnectivityException),
        ("w", "a", 3.0, ExtrapolationException),
        ("w", "/a", 1.5, InvalidArgumentException),
    ],
)
def test_errors_cross_the_wire_with_their_sentence(served, target, source, time_s, expected):
    with pytest.raises(expected, match=source):
        served.lookup_transform(target, source, at(time_s))


def test_a_client_without_a_server_says_so():
    with graph() as ros:
        client = BufferClient(ros.node("client"), "nobody")
        with pytest.raises(TimeoutException, match="not ready"):
            client.lookup_transform("w", "a", at(1.0))
        with pytest.raises(TypeError, match=r"Must pass a rclpy\.time\.Time object"):
            client.lookup_transform("w", "a", 1.0)
        client.destroy()


def test_a_server_that_never_answers_is_given_up():
    with graph() as ros:
        server_node = ros.node("server", spin=False)
        server = ActionServer(
            server_node, LookupTransform, "tf2_buffer_server", lambda handle: LookupTransform.Result()
        )
        client = BufferClient(ros.node("client"), "tf2_buffer_server", timeout_padding=lasting(0.3))
        wait_until(client.action_client.server_is_ready, "the action server")
        started = time.monotonic()
        with pytest.raises(TimeoutException, match="did not come back in the specified time"):
            client.lookup_transform("w", "a", at(1.0), lasting(0.1))
        assert 0.3 < time.monotonic() - started < 5.0
        client.destroy()
        server.destroy()
