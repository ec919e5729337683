"""ROS names: joining namespaces and checking what a node may be called."""

from __future__ import annotations

import re

from cablecell.launcher.errors import LaunchError

_MAX_NODE_NAME = 255
_MAX_NAMESPACE = 245
_NODE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAMESPACE = re.compile(r"/|(?:/[A-Za-z_][A-Za-z0-9_]*)+")


def join_namespace(base: str | None, namespace: str | None) -> str | None:
    """Return `namespace` below `base`: an absolute one replaces the base, None keeps it."""
    if namespace is None or base is None:
        joined = base if namespace is None else namespace
    elif not base or namespace.startswith("/"):
        joined = namespace
    else:
        joined = f"{'' if base == '/' else base}/{namespace}"
    if joined is None or joined == "/":
        return joined
    return joined.rstrip("/")


def make_absolute(namespace: str) -> str:
    """Return the namespace with a leading slash."""
    return namespace if namespace.startswith("/") else f"/{namespace}"


def check_node_name(name: str) -> None:
    """Refuse what rcl refuses as a node name.

    Raises:
        LaunchError: Wrong characters or too long.
    """
    if _NODE_NAME.fullmatch(name) is None:
        raise LaunchError(
            f"invalid node name '{name}': valid are letters, digits and underscores, not starting with a digit"
        )
    if len(name) > _MAX_NODE_NAME:
        raise LaunchError(f"node name of {len(name)} characters, the limit is {_MAX_NODE_NAME}")


def check_namespace(namespace: str) -> None:
    """Refuse what rcl refuses as a namespace.

    Raises:
        LaunchError: Not absolute, wrong characters, an empty part, or too long.
    """
    if _NAMESPACE.fullmatch(namespace) is None:
        raise LaunchError(
            f"invalid namespace '{namespace}': valid are parts of letters, digits and underscores, not starting with"
            " a digit, joined by single slashes"
        )
    if len(namespace) > _MAX_NAMESPACE:
        raise LaunchError(f"namespace of {len(namespace)} characters, the limit is {_MAX_NAMESPACE}")
