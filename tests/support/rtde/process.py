"""The controller as a test holds it: a process on a loopback address of its own, and its knobs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.wait import wait_until

ROOT = Path(__file__).parents[3]


def own_address() -> str:
    """Return a loopback address that only this process uses: the ports of a robot are fixed."""
    return f"127.77.{os.getpid() // 250 % 250}.{os.getpid() % 250 + 2}"


class RtdeProcess:
    """Starts the controller; every method of `Knobs` is one of this."""

    def __init__(self, address: str | None = None) -> None:
        self.address = address or own_address()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.rtde", self.address],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._read() == "ready"

    def __enter__(self) -> RtdeProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getattr__(self, name: str) -> Any:
        def call(*words: Any, **values: Any) -> Any:
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps([name, words, values]) + "\n")
            self._process.stdin.flush()
            return self._read()

        return call

    def wait_for(self, holds: Any, timeout_s: float = 5.0) -> dict[str, Any]:
        """Wait until what `look` returns is as it should be, and return it."""
        seen: dict[str, Any] = {}

        def is_so() -> bool:
            seen.update(self.look())
            return bool(holds(seen))

        wait_until(is_so, timeout_s=timeout_s, what=f"the robot is {seen}")
        return seen

    def close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._process.kill()
        self._process.wait()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())
