"""What the operating system must provide, and how to get it where this user may install packages.

Standard library only: this runs on the system's Python before anything is installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cablecell.installation.layout import SetupError

PYTHON_RANGE = ((3, 10), (3, 13))
"""Lowest and highest CPython for which the ROS 2 wheels exist."""


@dataclass(frozen=True)
class Need:
    """One thing the machine must have.

    Attributes:
        what: Name a person understands.
        package: Debian/Ubuntu package that provides it.
    """

    what: str
    package: str


def find_missing(environ: Mapping[str, str] | None = None) -> list[Need]:
    """Return what this machine lacks for set-up with the running interpreter."""
    env = os.environ if environ is None else environ
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    missing = []
    if not _has_venv():
        missing.append(Need("Python's venv and pip modules", f"python{version}-venv"))
    if not (Path(sysconfig.get_path("include")) / "Python.h").is_file():
        missing.append(Need("Python's C headers", f"python{version}-dev"))
    search = env.get("PATH", os.defpath)
    for variable, default, package in (("CC", "gcc", "gcc"), ("CXX", "g++", "g++")):
        command = (env.get(variable) or default).split()[0]
        if shutil.which(command, path=search) is None:
            missing.append(Need(f"a {'C++' if variable == 'CXX' else 'C'} compiler ({command})", package))
    return missing


BROWSERS = ("chromium", "chromium-browser", "google-chrome")
"""Programs of which the tests of the console need one."""


def provide_browser(say: Callable[[str], None]) -> None:
    """Install a browser for the tests of the console where there is none and this is root, as on a CI machine.

    A person's machine gets none unasked: the tests that need one say so and are skipped.

    Args:
        say: Called with one line where something is done, or cannot be.
    """
    if any(shutil.which(name) for name in BROWSERS):
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        say("no Chromium on this machine: the browser tests of the console are skipped (apt-get install chromium)")
        return
    try:
        provide([Need("a browser for the tests of the console", "chromium")], say)
    except SetupError as error:
        say(f"the browser tests of the console are skipped: {error}")


def provide(missing: Sequence[Need], say: Callable[[str], None]) -> None:
    """Install what is missing with apt, or say in one sentence what an administrator must install.

    Args:
        missing: From `find_missing`.
        say: Called with one line of progress.

    Raises:
        SetupError: This user may not install packages, there is no apt, or apt failed.
    """
    packages = sorted({need.package for need in missing})
    listed = ", ".join(need.what for need in missing)
    command = f"apt-get install {' '.join(packages)}"
    prefix = _find_privilege()
    if shutil.which("apt-get") is None or prefix is None:
        why = "there is no apt-get" if shutil.which("apt-get") is None else "this user is not root and has no sudo"
        raise SetupError(
            f"this machine lacks {listed}, and {why}: ask an administrator for `{command}`, then try again"
        )
    say(f"installing {', '.join(packages)} with apt (missing: {listed})")
    install = [*prefix, "apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    first = subprocess.run(install, env=environ, capture_output=True, text=True, check=False)
    if first.returncode == 0:
        return
    # The usual reason on a fresh machine: the package lists have never been read.
    subprocess.run([*prefix, "apt-get", "update", "-qq"], env=environ, capture_output=True, check=False)
    second = subprocess.run(install, env=environ, capture_output=True, text=True, check=False)
    if second.returncode != 0:
        last = (second.stderr.strip() or second.stdout.strip() or "no output").splitlines()[-1]
        raise SetupError(f"`{command}` failed with exit code {second.returncode}: {last}")


def _has_venv() -> bool:
    try:
        import ensurepip  # noqa: F401  Debian ships venv without it unless python3-venv is installed
        import venv  # noqa: F401
    except ImportError:
        return False
    return True


def _find_privilege() -> list[str] | None:
    """Return the command prefix that makes apt work: none for root, sudo where it may be used, else None."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo is None:
        return None
    if subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:
        return [sudo, "-n"]
    return [sudo] if sys.stdin.isatty() else None
