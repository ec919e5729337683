"""Find the class of a policy by its dotted path."""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points
from typing import Any

SKILLS = "cablecell.skills.v1"
"""Group of the entry points by which installed packages give a policy a short name."""


def load_policy_class(path: str) -> type[Any]:
    """Return the class of a policy.

    Args:
        path: Dotted path of a module; its last part is also the name of the class, so `my_package.MyPolicy` is the
            class `MyPolicy` in the module `my_package.MyPolicy`. Or the name of an entry point in `SKILLS`.

    Raises:
        ImportError: There is no such module, it cannot be imported, or it has no class of its name.
    """
    named = [point for point in entry_points(group=SKILLS) if point.name == path]
    if named:
        path = named[0].module
    module = importlib.import_module(path)
    name = path.rsplit(".", 1)[-1]
    found = getattr(module, name, None)
    if not isinstance(found, type):
        raise ImportError(f"module {path} has no class {name}: a policy's class is named like its module")
    return found
