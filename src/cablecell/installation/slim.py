"""Take out of an environment what only building and testing need, as the last step of making a container image.

The environment cannot be updated by `./cell` afterwards, and the tests cannot run in it: for images only.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions
from pathlib import Path

from cablecell.installation.layout import SetupError

PROJECT = "cablecell"

_UNUSED_FOLDERS = (
    "include",  # C headers of the ROS packages: the message packages are compiled by now
    "lib/python3.*/site-packages/pybullet_data",  # sample robots and games that come with the physics engine
    "lib/python3.*/site-packages/pybullet_envs",
)


def main() -> int:
    """Slim the running interpreter's environment and say by how much."""
    prefix = Path(sys.prefix)
    before = size_mb(prefix)
    installed = {_key(found.metadata["Name"]): found for found in reversed(list(distributions()))}
    unneeded = sorted(only_for_development(installed))
    if unneeded:
        command = [sys.executable, "-m", "pip", "--quiet", "uninstall", "--yes", *unneeded]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SetupError(f"pip uninstall failed: {done.stderr.strip()}")
    for pattern in _UNUSED_FOLDERS:
        for folder in prefix.glob(pattern):
            shutil.rmtree(folder)
    sys.stderr.write(f"slim: {before:.0f} MB before, {size_mb(prefix):.0f} MB after\n")
    return 0


def only_for_development(installed: dict[str, Distribution]) -> set[str]:
    """Return the installed packages that the extra `dev` needs and nothing else does.

    Args:
        installed: All installed packages by their normalised names.
    """
    extras = set(installed[PROJECT].metadata.get_all("Provides-Extra") or ())
    wanted_extras = extras - {"dev"}
    roots = {name for name in installed if name not in _needs(installed, {PROJECT}, {"dev"})}
    needed = _needs(installed, {PROJECT} | roots, wanted_extras)
    return _needs(installed, {PROJECT}, {"dev"}) - needed


def size_mb(folder: Path) -> float:
    """Return how much the files under a folder hold, MB."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir()) / 1e6


def _needs(installed: dict[str, Distribution], roots: Iterable[str], extras: set[str]) -> set[str]:
    """Return `roots` and everything installed that they need, with these extras of the project itself."""
    from packaging.requirements import Requirement  # part of what the image keeps

    found: set[str] = set()
    queue = [(name, extras if name == PROJECT else set()) for name in roots]
    while queue:
        name, asked = queue.pop()
        if name in found or name not in installed:
            continue
        found.add(name)
        for line in installed[name].requires or ():
            requirement = Requirement(line)
            if requirement.marker is None or any(requirement.marker.evaluate({"extra": e}) for e in ("", *asked)):
                queue.append((_key(requirement.name), set(requirement.extras)))
    return found


def _key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main())
