"""Detect a set-up that is out of date, interrupted or half broken.

Two records are written as the very last act of a set-up: a *stamp* (what it was made from) and a *manifest* (every
installed file with its size). Checking both costs some tens of milliseconds, so it is done at every start.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from cablecell.installation.layout import Layout

RESUMABLE = "resumable"
"""Left by a set-up that ended by itself after a failed step; what was done before is whole."""

_INPUTS = ("pyproject.toml", "requirements.lock", "setup.py", "package.xml")
_INPUT_TREES = ("interfaces", "rospip")
LINKED_TREES = ("launch", "config", "urdf")
"""Folders of the checkout whose files a user of the package finds under `share/cablecell`, as links."""

_SKIPPED_FOLDERS = {"__pycache__", ".cablecell", "build", "dist"}


def fingerprint(root: Path) -> str:
    """Return a hash of everything in the checkout that decides what gets installed."""
    digest = hashlib.sha256()
    for path in _input_files(root):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    for path in linked_files(root):
        digest.update(path.as_posix().encode() + b"\0")  # only the names: what a link leads to may change
    return digest.hexdigest()


def linked_files(root: Path) -> list[Path]:
    """Return the files of the linked trees, relative to the checkout."""
    found = (path for tree in LINKED_TREES for path in (root / tree).rglob("*") if path.is_file())
    return sorted(path.relative_to(root) for path in found if not _SKIPPED_FOLDERS.intersection(path.parts))


def write_stamp(layout: Layout, contents: str | None = None) -> None:
    """Record that the environment is complete; the stamp is renamed into place after the manifest is on disk.

    Args:
        layout: Where it is.
        contents: Fingerprint of what it was made from; None is that of the checkout now, in which a file may have
            changed since.
    """
    layout.state.mkdir(parents=True, exist_ok=True)
    lines = [f"{size}\t{name}\n" for name, size in _installed_files(layout.venv)]
    (layout.state / "manifest").write_text("".join(lines), encoding="utf-8")
    part = layout.state / "stamp.part"
    identity = _identity(layout)
    identity["fingerprint"] = contents or identity["fingerprint"]
    part.write_text(json.dumps(identity, indent=2), encoding="utf-8")
    part.replace(layout.state / "stamp")


def find_fault(layout: Layout) -> str | None:
    """Return why the environment must be made again, or None when it is whole and up to date.

    The answer starts with `changed:` when the checkout asks for other contents (an update in place will do), and
    with `broken:` when what is on disk cannot be trusted (it is made anew).
    """
    stamp = layout.state / "stamp"
    if not layout.venv.is_dir():
        return "new: there is no environment yet"
    if (layout.state / RESUMABLE).exists() and layout.python.exists():
        return "changed: the last set-up stopped at a step that failed"
    try:
        recorded = json.loads(stamp.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return f"broken: an earlier set-up of {layout.venv.name} did not finish"
    identity = _identity(layout)
    for key in ("root", "interpreter", "ros"):
        if recorded.get(key) != identity[key]:
            return f"broken: {key} is now {identity[key]}, it was {recorded.get(key)}"
    missing = _find_damage(layout)
    if missing:
        return f"broken: {missing}"
    if recorded.get("fingerprint") != identity["fingerprint"]:
        return "changed: the checkout asks for other packages or interfaces"
    return None


def _identity(layout: Layout) -> dict[str, str]:
    python = layout.python.resolve()
    try:
        status = python.stat()
        interpreter = f"{python} ({status.st_size} bytes)"
    except OSError:
        interpreter = "missing"
    return {
        "root": str(layout.root),
        "interpreter": interpreter,
        "ros": str(layout.ros_prefix or "wheels"),
        "fingerprint": fingerprint(layout.root),
    }


def _find_damage(layout: Layout) -> str | None:
    try:
        manifest = (layout.state / "manifest").read_text(encoding="utf-8")
    except OSError:
        return "the list of installed files is gone"
    venv = str(layout.venv)
    faults: list[str] = []
    for line in manifest.splitlines():
        size, _, name = line.partition("\t")
        try:
            # A link into the checkout is whole as long as it is there.
            status = os.stat(f"{venv}/{name}", follow_symlinks=bool(size))
        except OSError:
            faults.append(f"{name} is missing")
            continue
        if size and status.st_size != int(size):
            faults.append(f"{name} has {status.st_size} bytes, not {size}")
    if not faults:
        return None
    return faults[0] + (f" (and {len(faults) - 1} more)" if len(faults) > 1 else "")


def _installed_files(venv: Path) -> Iterator[tuple[str, str]]:
    """Yield (name relative to the environment, size); the size is empty for a link out of the environment.

    Such links lead into the checkout, whose files a developer edits: only that they are there is checked.
    """
    base = str(venv)
    for folder, folders, names in os.walk(base):
        folders[:] = sorted(d for d in folders if d not in _SKIPPED_FOLDERS)
        for name in sorted(names):
            path = f"{folder}/{name}"
            if name.endswith((".pyc", ".log")):
                continue
            outward = os.path.islink(path) and not os.path.realpath(path).startswith(base)
            yield path[len(base) + 1 :], "" if outward else str(os.stat(path).st_size)


def _input_files(root: Path) -> Iterator[Path]:
    for name in _INPUTS:
        if (root / name).is_file():
            yield root / name
    # Everything set-up itself does is an input too: a changed step must run.
    yield from sorted((root / "src" / "cablecell" / "installation").glob("*.py"))
    for tree in _INPUT_TREES:
        for folder, folders, names in os.walk(root / tree):
            folders[:] = sorted(d for d in folders if d not in _SKIPPED_FOLDERS and not d.endswith(".egg-info"))
            yield from (Path(folder) / name for name in sorted(names) if not name.endswith(".pyc"))
