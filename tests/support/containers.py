"""Build and run the image without a container engine: buildah in a chroot, on a stand-in for the base image.

The stand-in is a minimal Debian of the same release with Python and pip, under the name of the real base. Needs root,
and buildah and mmdebstrap from apt.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.wait import wait_until

ROOT = Path(__file__).parents[2]
BASE = "docker.io/library/python:3.11-slim-bookworm"
TOOLS = ("buildah", "mmdebstrap")
UID = 10001
_BASE_PACKAGES = "python3-venv,python3-pip,ca-certificates,passwd"
_BUILD_LIMIT_S = 1200.0


class ToolMissingError(Exception):
    """The proof cannot be made on this machine; the message says why."""


@dataclass(frozen=True)
class Image:
    """A built image.

    Attributes:
        name: Its name in the store.
        config: The `config` object of the image: Entrypoint, Cmd, Env, User, Healthcheck and the like.
        size_mb: Bytes of its root file system, MB.
    """

    name: str
    config: dict[str, object]
    size_mb: float


def provide_tools() -> None:
    """Install what is missing, where this user may.

    Raises:
        ToolMissingError: A tool is missing and cannot be installed.
    """
    if os.geteuid() != 0:
        raise ToolMissingError("building without an engine needs root")
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if not missing:
        return
    if shutil.which("apt-get") is None:
        raise ToolMissingError(f"{', '.join(missing)} missing, and there is no apt-get")
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
    for command in (install, ["apt-get", "update", "-qq"], install):
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
        if command is install and done.returncode == 0:
            return
    raise ToolMissingError(f"apt-get install {' '.join(missing)} failed: {done.stderr.strip().splitlines()[-1]}")


def make_base(cache: Path) -> Path:
    """Return the archive of the stand-in base, made once.

    Raises:
        ToolMissingError: The archive of Debian packages cannot be reached.
    """
    archive = cache / "python-slim-stand-in.tar"
    if archive.is_file():
        return archive
    cache.mkdir(parents=True, exist_ok=True)
    part = cache / "part.tar"
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={_BASE_PACKAGES}", "bookworm", str(part)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ToolMissingError(f"mmdebstrap failed: {done.stderr.strip().splitlines()[-1]}")
    part.replace(archive)
    return archive


class Store:
    """A private image store in one folder; `close` deletes it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._containers: list[str] = []

    def close(self) -> None:
        """Delete every container and image of the store."""
        for container in self._containers:
            self._buildah("umount", container, check=False)
            self._buildah("rm", container, check=False)
        shutil.rmtree(self._folder, ignore_errors=True)

    def add_base(self, archive: Path) -> None:
        """Put the stand-in into the store, under the real base's name."""
        container = self._buildah("from", "scratch").strip()
        self._buildah("add", "--quiet", container, str(archive), "/")
        self._buildah("config", "--env", "PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin", container)
        self._buildah("commit", "--quiet", "--rm", container, BASE)

    def build(self, dockerfile: Path, context: Path, name: str) -> Image:
        """Build a Dockerfile as it is."""
        command = ["bud", "--isolation", "chroot", "--pull-never", "--format", "docker", "--network", "host"]
        for path in _ways_to_registries():
            command += ["-v", f"{path}:{path}:ro"]
        self._buildah(*command, "-f", str(dockerfile), "-t", name, str(context), limit_s=_BUILD_LIMIT_S)
        described = json.loads(self._buildah("inspect", "--type", "image", name))
        config = described["Docker"]["config"]
        used = subprocess.run(["du", "-sm", str(self.mount(name))], capture_output=True, text=True, check=True)
        return Image(name, config, float(used.stdout.split()[0]))

    def mount(self, name: str) -> Path:
        """Return the folder in which a new container of an image has its root file system."""
        container = self._buildah("from", "--pull-never", name).strip()
        self._containers.append(container)
        return Path(self._buildah("mount", container).strip())

    def _buildah(self, *words: str, check: bool = True, limit_s: float = 300.0) -> str:
        stores = ["--root", str(self._folder / "root"), "--runroot", str(self._folder / "run")]
        command = ["buildah", *stores, "--storage-driver", "vfs", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=limit_s)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(words[:3])} failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return done.stdout


def start(image: Image, root: Path, data: Path, arguments: list[str] | None = None) -> subprocess.Popen[str]:
    """Start the image's entry point as its own user on a read-only root, as `docker run --read-only` does.

    Args:
        image: What was built.
        root: Root file system of a container of it.
        data: Folder to be the volume `/data`.
        arguments: Instead of the image's default command.
    """
    entry = [*_words(image, "Entrypoint"), *(arguments if arguments is not None else _words(image, "Cmd"))]
    data.mkdir(parents=True, exist_ok=True)
    os.chown(data, UID, UID)
    mounts = (
        'mount --bind "$1" "$1" && mount --bind "$2" "$1/data" && mount -t proc proc "$1/proc" '
        '&& mount -t tmpfs tmpfs "$1/dev" && mkdir "$1/dev/shm" && mount -t tmpfs -o mode=1777 tmpfs "$1/dev/shm" '
        '&& for d in null zero full random urandom; do touch "$1/dev/$d"; mount --bind "/dev/$d" "$1/dev/$d"; done '
        '&& mount -t tmpfs -o mode=1777 tmpfs "$1/tmp" && mount -o remount,bind,ro "$1" && shift 2 && exec "$@"'
    )
    environ = dict(line.split("=", 1) for line in _words(image, "Env"))
    command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c", mounts, "_", str(root), str(data)]
    command += ["chroot", f"--userspec={image.config['User']}", str(root)]
    command += ["env", "-i", *(f"{k}={v}" for k, v in environ.items()), "HOME=/data"]
    command += ["sh", "-c", f'cd {image.config["WorkingDir"]} && exec "$@"', "_", *entry]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _words(image: Image, key: str) -> list[str]:
    found = image.config.get(key) or []
    assert isinstance(found, list)
    return [str(word) for word in found]


def _ways_to_registries() -> list[Path]:
    """Return this machine's package settings and local package folders, which the build has to see as well."""
    listed = subprocess.run(["pip", "config", "list"], capture_output=True, text=True, check=False).stdout
    named = [Path(word) for word in re.findall(r"(?:file://)?(/[\w./-]+)", listed)]
    fixed = [Path(name) for name in ("/etc/pip.conf", "/etc/xdg/pip", "/etc/apt/apt.conf.d")]
    certificates = Path("/etc/ssl/certs/ca-certificates.crt")
    folders = [path.parent if path.name == "simple" else path for path in named]  # an index's files lie beside it
    return sorted(path for path in {*folders, *fixed, certificates} if path.exists())


def entry_point(process: subprocess.Popen[str]) -> int:
    """Return the process id, as seen from outside, of the entry point that `start` started."""
    # unshare -> its only child, which became the entry point: the first process of the container.
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    wait_until(children.read_text, what="the first process of the container")
    return int(children.read_text().split()[0])


def end(process: subprocess.Popen[str]) -> None:
    """End a container whatever it does; all its processes go with the first one.

    Killing `unshare` is not enough: the kernel forgets `--kill-child` when the entry point changes its user.
    """
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(entry_point(process), signal.SIGKILL)
    process.communicate(timeout=10.0)


def check_health(image: Image, process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    """Run the image's health check inside the running container; return its exit code and what it says."""
    health = image.config["Healthcheck"]
    assert isinstance(health, dict)
    words = health["Test"]
    assert words[0] == "CMD"
    inside = ["nsenter", "--target", str(entry_point(process)), "--mount", "--pid", "--root", "--wd"]
    as_user = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"]
    environ = [*_words(image, "Env"), "HOME=/data"]
    return subprocess.run(
        [*inside, *as_user, "env", "-i", *environ, *words[1:]],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=30.0,
    )
