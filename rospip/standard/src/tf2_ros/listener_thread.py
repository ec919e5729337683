"""A thread of its own for a listener's node, so that a look-up may block anywhere else."""

from __future__ import annotations

import threading
import weakref
from typing import Any

from rclpy.executors import Executor, ExternalShutdownException
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.node import Node

_WAKE_S = 0.2
_JOIN_S = 2.0


class ListenerThread:
    """Spins a node on the events executor until its owner or node is gone, the context shut down or the process over.

    The events executor costs about half of the default one per message. Its own ``spin`` does not return when the
    context shuts down, hence the loop around ``spin_once``.

    Args:
        node: What to spin; all its callbacks run in the thread.
        owner: When this is collected, or the interpreter exits, the thread is stopped and joined.
    """

    def __init__(self, node: Node, owner: Any) -> None:
        self.executor: Executor = EventsExecutor(context=node.context)
        stop = threading.Event()
        self.thread = threading.Thread(
            target=_spin, args=(self.executor, node, stop), name=f"tf_listener_{node.get_name()}", daemon=True
        )
        self.thread.start()
        weakref.finalize(owner, _stop, self.executor, self.thread, stop)


def _spin(executor: Executor, node: Node, stop: threading.Event) -> None:
    executor.add_node(node)
    try:
        # without its node (the executor was shut down, or another one took it over) there is nothing left to do
        while not stop.is_set() and node.context.ok() and executor.get_nodes():
            executor.spin_once(timeout_sec=_WAKE_S)
    except ExternalShutdownException:
        pass
    finally:
        executor.remove_node(node)


def _stop(executor: Executor, thread: threading.Thread, stop: threading.Event) -> None:
    stop.set()
    executor.wake()
    if thread is not threading.current_thread():
        thread.join(_JOIN_S)
