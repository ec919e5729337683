"""The `ros2` verbs a user needs on a machine without the `ros2` command line."""

from __future__ import annotations

_GROUPS = ("topic", "node", "service", "action", "param", "lifecycle", "interface")


def groups() -> dict[str, str]:
    """Return where the commands of each verb live, as `module:attribute`, without importing any of them.

    A command line mounts only the group that is asked for, so that `--help` does not pay for the client library.
    """
    return {name: f"cablecell.ros.verbs.{name}:app" for name in _GROUPS}
