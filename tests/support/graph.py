"""A client of the ROS graph for tests, and processes that are always ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor

from tests.support.wait import PATIENCE, wait_until

_REPEAT_S = 5.0
"""Time after which a service is asked again."""


class GraphClient:
    """A node whose callbacks run in a thread of their own, with calls that wait for their answer."""

    def __init__(self, name: str = "test_client", namespace: str = "", domain_id: int | None = None) -> None:
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=domain_id)
        self.node = rclpy.create_node(name, context=self.context, namespace=namespace)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._spin)
        self._thread.start()

    def _spin(self) -> None:
        while not self._ending.is_set():
            self._executor.spin_once(timeout_sec=0.05)

    def close(self) -> None:
        self._ending.set()
        self._thread.join()
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)

    def __enter__(self) -> GraphClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def collect(self, message_type: Any, topic: str, qos: Any) -> list[Any]:
        """Return a list that fills with what arrives on a topic."""
        received: list[Any] = []
        self.node.create_subscription(message_type, topic, received.append, qos)
        return received

    def run(self, function: Callable[[], Any], timeout_s: float = 10.0) -> Any:
        """Run a function in the thread of the callbacks: what they wait for must not be destroyed under their feet."""
        return self.wait_for(self._executor.create_task(function), timeout_s, "the thread of the callbacks")

    def wait_for(self, future: Any, timeout_s: float = 10.0, what: str = "an answer") -> Any:
        wait_until(future.done, timeout_s=timeout_s, what=what)
        return future.result()

    def call(
        self, service_type: Any, name: str, request: Any, timeout_s: float = 10.0, *, repeats: bool = False
    ) -> Any:
        """Call a service; `repeats` asks again where an answer got lost: its server had not discovered this client."""
        client = self.node.create_client(service_type, name)
        try:
            assert client.wait_for_service(timeout_sec=PATIENCE * timeout_s), f"service {name} is not there"
            if repeats:
                for _ in range(round(PATIENCE * timeout_s / _REPEAT_S)):
                    answer = client.call_async(request)
                    with contextlib.suppress(AssertionError):
                        return self.wait_for(answer, _REPEAT_S / PATIENCE, f"service {name}")
            return self.wait_for(client.call_async(request), timeout_s, f"service {name}")
        finally:
            self.node.destroy_client(client)

    def change_state(self, node_name: str, transition: int) -> bool:
        from lifecycle_msgs.srv import ChangeState

        request = ChangeState.Request()
        request.transition.id = transition
        before = self.get_state(node_name)
        for _ in range(10):
            try:
                answer = self.call(ChangeState, f"{node_name}/change_state", request, _REPEAT_S / PATIENCE)
                return bool(answer.success) or self.get_state(node_name) != before
            except AssertionError:
                # The node may still be at it, or its answer got lost: the state tells.
                if self.get_state(node_name) != before:
                    return True
        raise AssertionError(f"{node_name} does not answer to transition {transition} from {before}")

    def get_state(self, node_name: str) -> str:
        from lifecycle_msgs.srv import GetState

        answer = self.call(GetState, f"{node_name}/get_state", GetState.Request(), 20.0, repeats=True)
        return str(answer.current_state.label)


class Process:
    """A child process with its output; ended at the end of the block whatever happens."""

    def __init__(self, *words: str | Path, cwd: Path | None = None, **environ: str) -> None:
        self._popen = subprocess.Popen(
            [str(word) for word in words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=cwd,
            env={**os.environ, **environ},
            start_new_session=True,
        )
        self.pid = self._popen.pid
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._popen.stdout is not None
        for line in self._popen.stdout:
            self._lines.append(line)

    @property
    def output(self) -> str:
        return "".join(self._lines)

    @property
    def is_running(self) -> bool:
        return self._popen.poll() is None

    def send(self, number: signal.Signals) -> None:
        self._popen.send_signal(number)

    def wait_for_output(self, text: str, timeout_s: float = 15.0) -> None:
        wait_until(
            lambda: text in self.output or not self.is_running, timeout_s=timeout_s, what=f"{text!r} in:\n{self.output}"
        )
        assert text in self.output, f"ended without {text!r}:\n{self.output}"

    def wait(self, timeout_s: float = 15.0) -> int:
        code = self._popen.wait(PATIENCE * timeout_s)
        self._reader.join(5.0)
        return code

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        if self.is_running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait(10.0)
        self._reader.join(5.0)
        assert self._popen.stdout is not None
        self._popen.stdout.close()


def processes_in_session(session: int) -> Iterator[str]:
    """Yield a line for every living process of a session: what a launch left behind."""
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            fields = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] != "Z":
                yield f"{folder.name} {(folder / 'cmdline').read_text(encoding='utf-8')}"
