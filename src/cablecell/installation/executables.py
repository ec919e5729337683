"""Find the executables of packages under the prefixes in `AMENT_PREFIX_PATH`."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path


def find_executable(package: str, name: str, environ: Mapping[str, str] | None = None) -> Path:
    """Return `<prefix>/lib/<package>/<name>`.

    Raises:
        LookupError: No such package or executable; the message names close alternatives.
    """
    env = os.environ if environ is None else environ
    prefixes = [Path(p) for p in env.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    packages: set[str] = set()
    for prefix in prefixes:
        index = prefix / "share" / "ament_index" / "resource_index" / "packages"
        if index.is_dir():
            packages.update(path.name for path in index.iterdir())
        if not (index / package).exists():
            continue
        folder = prefix / "lib" / package
        path = folder / name
        if path.is_file() and os.access(path, os.X_OK):
            return path
        names = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []
        have = f"it has {', '.join(names)}" if names else "it has no executables"
        raise LookupError(f"package '{package}' has no executable '{name}'; {have}")
    close = difflib.get_close_matches(package, sorted(packages), n=3)
    hint = f"; did you mean {' or '.join(close)}?" if close else ""
    raise LookupError(f"package '{package}' not found{hint}")
