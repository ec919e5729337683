"""A ROS graph for one test: nodes in this process, each spun by a thread, in a private domain."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import rclpy
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor, SingleThreadedExecutor
from rclpy.node import Node

LIMIT_S = 15.0


class Graph:
    """Creates nodes, spins those that ask for it, and takes all down at the end."""

    def __init__(self) -> None:
        self._nodes: list[Node] = []
        self._spinning: list[tuple[SingleThreadedExecutor, threading.Thread]] = []

    def node(self, name: str, *, spin: bool = True, **options) -> Node:
        """Return a new node; spun by a thread of its own unless told otherwise."""
        node = rclpy.create_node(name, **options)
        self._nodes.append(node)
        if spin:
            self.spin(node, SingleThreadedExecutor())
        return node

    def spin(self, node: Node, executor: SingleThreadedExecutor | MultiThreadedExecutor) -> None:
        """Spin a node by a thread of its own."""
        executor.add_node(node)
        thread = threading.Thread(target=_spin, args=(executor,))
        thread.start()
        self._spinning.append((executor, thread))

    def close(self) -> None:
        """Stop all threads, then destroy the nodes."""
        rclpy.try_shutdown()
        for executor, thread in self._spinning:
            executor.wake()
            thread.join(LIMIT_S)
            assert not thread.is_alive(), "an executor did not stop"
        for node in self._nodes:
            node.destroy_node()


@contextmanager
def graph() -> Iterator[Graph]:
    """Initialise rclpy in a private domain on this machine only, and shut it down."""
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    rclpy.init(domain_id=int(os.environ.get("ROS_DOMAIN_ID", 1 + os.getpid() % 100)))
    running = Graph()
    try:
        yield running
    finally:
        running.close()


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition; fail with its name when it does not come true in time."""
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {LIMIT_S:g} s"
        time.sleep(0.005)


def _spin(executor: SingleThreadedExecutor | MultiThreadedExecutor) -> None:
    with suppress(ExternalShutdownException):
        executor.spin()
