"""The `ros2` verbs a user needs on a machine without the `ros2` command line."""


def groups() -> dict[str, str]:
    """Return verb name to `module:app`."""
    return {}
