"""Sign of life of one node, sent from a thread of its own so that a long callback does not look like a death."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cablecell_interfaces.msg import LinkHeartbeat
from lifecycle_msgs.msg import State

from cablecell.ros import qos

TOPIC = "cell/node_heartbeats"
PERIOD_S = 0.1


class Periodic:
    """Calls a function at a fixed rate in a thread of its own, which no slow callback of an executor holds up.

    Real-time priority of the process, where it has one, holds for this thread as well.
    """

    def __init__(
        self, period_s: float, work: Callable[[], None], name: str, failed: Callable[[str, Exception], None]
    ) -> None:
        """Begin.

        Args:
            period_s: Time between two calls, s; a late call does not shift the others.
            work: What is called.
            name: Name of the thread.
            failed: Hears the name of the thread and what `work` raised, after which it is not called any more.
        """
        self._period_s, self._work, self._failed = period_s, work, failed
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop; no call is running or begins after this, unless it is called by the work itself."""
        self._ended.set()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        due_s = time.monotonic() + self._period_s
        while not self._ended.wait(max(0.0, due_s - time.monotonic())):
            try:
                self._work()
            except Exception as error:  # outer edge of this thread: it would end without a word
                self._failed(self._thread.name, error)
                return
            due_s = max(due_s + self._period_s, time.monotonic())


class NodeHeartbeat:
    """Publishes `cell/node_heartbeats` at 10 Hz until it is ended; the last one says that the end is orderly."""

    def __init__(self, node: Any, state: Callable[[], int]) -> None:
        """Begin.

        Args:
            node: The node; its name goes into the message, and its `fail` hears when no more can be sent.
            state: Returns its primary lifecycle state.
        """
        self._node, self._state = node, state
        self._publisher = node.create_publisher(LinkHeartbeat, TOPIC, qos.HEARTBEAT)
        self._sequence = 0
        self._thread = Periodic(PERIOD_S, lambda: self._beat(self._state()), "heartbeat", node.fail)

    def end(self) -> None:
        """Say goodbye and stop."""
        self._thread.end()
        self._beat(State.PRIMARY_STATE_FINALIZED)
        self._node.destroy_publisher(self._publisher)

    def _beat(self, state: int) -> None:
        message = LinkHeartbeat(
            node_name=self._node.get_fully_qualified_name(),
            lifecycle_state=state,
            sequence=self._sequence,
            payload=_identity(),
        )
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._sequence += 1
        self._publisher.publish(message)


def _identity() -> bytes:
    """Return which process sends: host and process id."""
    return f"{socket.gethostname()} {os.getpid()}".encode()


def process_exists(payload: bytes) -> bool | None:
    """Return whether the process that sent a heartbeat still exists; None when it is on another machine.

    A zombie does not exist: it does nothing any more.
    """
    host, _, pid = payload.decode(errors="replace").partition(" ")
    if host != socket.gethostname() or not pid.isdigit():
        return None
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state not in ("Z", "X")


def process_begun(payload: bytes) -> int | None:
    """Return when the process that sent a heartbeat began, in ticks of the kernel; None where that is not known.

    Together with the process id that names one process for good: numbers are used again.
    """
    host, _, pid = payload.decode(errors="replace").partition(" ")
    if host != socket.gethostname() or not pid.isdigit():
        return None
    try:
        return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return None


def end_process(payload: bytes, begun: int | None) -> bool:
    """Kill the process that sent a heartbeat, a stopped one as well; return whether it was there to be killed.

    Args:
        payload: Of the heartbeat.
        begun: Answer of `process_begun` when it was first heard; another process with its number is left alone.
    """
    if begun is None or process_begun(payload) != begun:
        return False
    try:
        os.kill(int(payload.decode().partition(" ")[2]), signal.SIGKILL)
    except OSError:
        return False
    return True


def process_sleeps(payload: bytes) -> bool | None:
    """Return whether no thread of the process that sent a heartbeat runs or wants to; None where that is not known.

    A thread that waits for a disk is not asleep, and neither is one that waits for a processor.
    """
    host, _, pid = payload.decode(errors="replace").partition(" ")
    if host != socket.gethostname() or not pid.isdigit():
        return None
    try:
        stats = [path.read_text(encoding="utf-8") for path in Path(f"/proc/{pid}/task").glob("*/stat")]
    except OSError:
        return None
    return all(stat.rpartition(")")[2].split()[0] in ("S", "T", "t") for stat in stats) if stats else None
