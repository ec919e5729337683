"""A short-lived node that listens in a thread of its own.

The multi-threaded executor that an action needs loses messages at the controller's rate, and lists every subscription
anew for each of them. What is only needed for a while is listened to here: one node, one cheap executor, one thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import rclpy
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.qos import QoSProfile


class Listener:
    """Listens from `start` to `close`; callbacks run one after the other in a thread of its own."""

    def __init__(self, owner: Any, suffix: str) -> None:
        """Make the node `<owner>_<suffix>` in the namespace of its owner."""
        name = f"{owner.get_name()}_{suffix}"
        rules = ["--ros-args", "-r", f"__node:={name}", "-r", f"__ns:={owner.get_namespace()}"]
        self.node: Any = rclpy.create_node(
            name, context=owner.context, cli_args=rules, start_parameter_services=False, enable_rosout=False
        )
        self._executor = EventsExecutor(context=owner.context)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._spin, name=name, daemon=True)

    def listen(self, kind: Any, topic: str, callback: Callable[[Any], None], profile: QoSProfile) -> None:
        """Subscribe; before `start` only."""
        self.node.create_subscription(kind, topic, callback, profile)

    def start(self) -> None:
        """Begin to call back."""
        self._executor.add_node(self.node)
        self._thread.start()

    def call(self, function: Callable[[], Any], timeout_s: float = 5.0) -> Any:
        """Run a function in the listener's thread and return what it returns.

        Raises:
            TimeoutError: The thread does not run.
        """
        answer: Future[Any] = Future()

        def run() -> None:
            try:
                answer.set_result(function())
            except Exception as error:
                answer.set_exception(error)

        self._executor.create_task(run)
        return answer.result(timeout_s)

    def close(self, destroy: Callable[[], None] = lambda: None) -> None:
        """End the thread, destroy what was made on the node, and take it from the graph."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()
        self._executor.shutdown()
        destroy()
        self.node.destroy_node()

    def _spin(self) -> None:
        while not self._ending.is_set():
            self._executor.spin_once(timeout_sec=0.05)
