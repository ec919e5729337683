"""Private ROS domains for tests: no two test runs on this machine hear each other."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TEST_DOMAINS = range(50, 102)


@contextmanager
def private_domain() -> Iterator[int]:
    """Hold a domain nobody else holds; it is free again when the block, or the process, ends."""
    folder = Path(tempfile.gettempdir()) / "cablecell-test-domains"
    folder.mkdir(exist_ok=True)
    start = os.getpid()
    for step in range(len(TEST_DOMAINS)):
        domain = TEST_DOMAINS[(start + step) % len(TEST_DOMAINS)]
        with (folder / str(domain)).open("w", encoding="utf-8") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield domain
            return
    raise RuntimeError(f"all {len(TEST_DOMAINS)} test domains are in use")
