"""Find the class of a policy by its dotted path."""

from __future__ import annotations

import importlib
from typing import Any


def load_policy_class(path: str) -> type[Any]:
    """Return the class of a policy.

    Args:
        path: Dotted path of a module; its last part is also the name of the class, so `my_package.MyPolicy` is the
            class `MyPolicy` in the module `my_package.MyPolicy`.

    Raises:
        ImportError: There is no such module, it cannot be imported, or it has no class of its name.
    """
    module = importlib.import_module(path)
    name = path.rsplit(".", 1)[-1]
    found = getattr(module, name, None)
    if not isinstance(found, type):
        raise ImportError(f"module {path} has no class {name}: a policy's class is named like its module")
    return found
