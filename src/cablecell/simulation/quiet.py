"""Import a compiled module without what it writes to the error output as it loads."""

from __future__ import annotations

import importlib
import os
import sys

_STDERR = 2


def import_quietly(name: str) -> None:
    """Import a module; what its C code writes to the error output meanwhile is lost, an exception is not.

    Args:
        name: The module; nothing happens when it is loaded already.
    """
    if name in sys.modules:
        return
    try:
        kept = os.dup(_STDERR)
    except OSError:  # no error output at all, so nothing can be written to it
        importlib.import_module(name)
        return
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, _STDERR)
        importlib.import_module(name)
    finally:
        os.dup2(kept, _STDERR)
        os.close(kept)
        os.close(null)
