"""Keeps finished trees, so that installing the same interfaces again takes a second.

An entry is a folder named by a hash of everything that shapes the result. It is written under another name and renamed,
carries a checksum of every file, and is thrown away if one does not match.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sysconfig
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from rosidl_pip.packages import InterfacePackage

__all__ = ["cache_folder", "cache_key", "cached_tree"]

_MANIFEST = "manifest.json"

# Entries kept per user: two distributions times a few projects and Python versions.
_KEPT_ENTRIES = 12


def cache_folder() -> Path:
    """Returns the folder of the cache, which need not exist."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "cablecell" / "rosidl"


def cache_key(packages: Sequence[InterfacePackage], versions: Mapping[str, str]) -> str:
    """Hashes everything that shapes the result of a build.

    That is: names and contents of interface files and manifests, the Python version and platform, the versions of the
    ROS, generator and numpy wheels, the compilers named in the environment, and this backend's own source.

    Args:
        packages: The interface packages.
        versions: Version of each relevant installed distribution.

    Returns:
        32 hexadecimal digits.
    """
    digest = hashlib.sha256()

    def add(*items: str | bytes) -> None:
        for item in items:
            data = item.encode() if isinstance(item, str) else item
            digest.update(f"{len(data)}:".encode() + data)

    add(str(sysconfig.get_config_var("SOABI")), sysconfig.get_platform())
    add(os.environ.get("CC", ""), os.environ.get("CXX", ""))
    for name, version in sorted(versions.items()):
        add(name, version)
    for source in sorted(Path(__file__).parent.glob("*.py")):
        add(source.name, source.read_bytes())
    for package in packages:
        add(package.name, package.manifest.read_bytes())
        for relative, path in package.files.items():
            add(relative, path.read_bytes())
    return digest.hexdigest()[:32]


def cached_tree(key: str, build: Callable[[Path], None], folder: Path | None = None) -> Path:
    """Returns the tree of a build, from the cache if it is there and intact.

    Where the cache cannot be written, the tree is built in a temporary folder instead.

    Args:
        key: What `cache_key` returned.
        build: Writes the tree into the empty folder it is given.
        folder: The cache; by default that of the user.

    Returns:
        Folder of the tree, to be read only.
    """
    folder = folder or cache_folder()
    entry = folder / key
    if _is_intact(entry):
        os.utime(entry)
        return entry
    try:
        folder.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=folder))
    except OSError:
        tree = Path(tempfile.mkdtemp(prefix="rosidl-pip-tree-"))
        build(tree)
        return tree
    try:
        build(draft)
        (draft / _MANIFEST).write_text(json.dumps(_checksums(draft)), encoding="utf-8")
        shutil.rmtree(entry, ignore_errors=True)
        try:
            draft.rename(entry)
        except OSError:
            # Another process finished the same build between the two calls above.
            if not _is_intact(entry):
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    _drop_old_entries(folder)
    return entry


def _is_intact(entry: Path) -> bool:
    try:
        expected = json.loads((entry / _MANIFEST).read_text(encoding="utf-8"))
        return bool(expected == _checksums(entry))
    except (OSError, ValueError):
        return False


def _checksums(tree: Path) -> dict[str, str]:
    return {
        path.relative_to(tree).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in _files(tree)
        if path.name != _MANIFEST
    }


def _files(tree: Path) -> Iterable[Path]:
    return sorted(path for path in tree.rglob("*") if path.is_file())


def _drop_old_entries(folder: Path) -> None:
    entries = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for entry in entries[_KEPT_ENTRIES:]:
        shutil.rmtree(entry, ignore_errors=True)
