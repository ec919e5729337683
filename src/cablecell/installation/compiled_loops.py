"""Compiled loops that came with an image, put where numba can use them.

numba reads its cache only where it may also write. The root of a container is read-only, so that every start would
compile for a minute; the image therefore brings the cache, and the first process copies it to where it can be used.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

CACHE_VARIABLE = "NUMBA_CACHE_DIR"
"""Environment variable with the folder of numba's cache."""


def provide(built: Path, environ: Mapping[str, str]) -> None:
    """Copy what was compiled with the image into the cache of this run, unless that exists.

    Args:
        built: Cache made with the image; nothing is done where there is none.
        environ: Environment that names the cache.
    """
    named = environ.get(CACHE_VARIABLE, "")
    if not named or not built.is_dir() or Path(named).exists():
        return
    cache = Path(named)
    # What cannot be copied is compiled again; it must not keep the cell from starting.
    with contextlib.suppress(OSError):
        cache.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache.parent) as folder:
            copied = Path(folder) / "cache"
            shutil.copytree(built, copied)
            # At once, and only once: processes that start together all try.
            copied.rename(cache)
