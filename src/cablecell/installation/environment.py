"""The environment every process of the cell runs in: package prefix, discovery, transports, domain."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import MutableMapping
from pathlib import Path

from cablecell.installation import compiled_loops

TRANSPORTS = "LARGE_DATA?max_msg_size=2MB&sockets_size=4MB"
"""Fast DDS transports with which best-effort camera images arrive complete; the default loses more than half of them.

Without effect while the discovery range is LOCALHOST, where rmw_fastrtps installs transports of its own.
"""


def prefix() -> Path:
    """Return the prefix of the running interpreter."""
    return Path(sys.prefix)


def uses_wheels(where: Path | None = None) -> bool:
    """Return whether ROS comes from wheels in this prefix, rather than from a ROS install around it."""
    return ((where or prefix()) / "share" / "rclpy" / "package.xml").is_file()


def apply(environ: MutableMapping[str, str] | None = None, where: Path | None = None) -> None:
    """Set what a ROS install's set-up script would set, and the cell's defaults; what the user set stays.

    Args:
        environ: Environment to complete; this process's own by default, which its children inherit.
        where: Prefix that holds the packages; the running interpreter's by default.
    """
    env = os.environ if environ is None else environ
    base = where or prefix()
    if uses_wheels(base):
        paths = [p for p in env.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
        if str(base) not in paths:
            env["AMENT_PREFIX_PATH"] = os.pathsep.join([str(base), *paths])
        search = env.get("PATH", os.defpath).split(os.pathsep)
        if str(base / "bin") not in search:
            env["PATH"] = os.pathsep.join([str(base / "bin"), *search])
        env.setdefault("ROS_VERSION", "2")
        env.setdefault("ROS_PYTHON_VERSION", "3")
        env["ROS_DISTRO"] = distribution(base)
    if not has_loopback() and "FASTDDS_BUILTIN_TRANSPORTS" not in env:
        # A container without any network, not even its own: shared memory carries discovery too, and cannot leave
        # the machine, so the wider discovery range it needs is as local as the loopback.
        env["FASTDDS_BUILTIN_TRANSPORTS"] = "SHM"
        env["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "SUBNET"
    env.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    env.setdefault("FASTDDS_BUILTIN_TRANSPORTS", TRANSPORTS)
    compiled_loops.provide(base / ".cablecell" / "numba", env)
    domain = base / ".cablecell" / "domain"
    if "ROS_DOMAIN_ID" not in env and domain.is_file():
        env["ROS_DOMAIN_ID"] = domain.read_text(encoding="utf-8").strip()


def has_loopback() -> bool:
    """Return whether 127.0.0.1 can be reached; it cannot where the loopback interface is down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("127.0.0.1", 9))  # looks up the route; sends nothing
        except OSError:
            return False
    return True


def distribution(where: Path | None = None) -> str:
    """Return the name of the ROS 2 distribution in the prefix, by the version of its rclpy."""
    from importlib.metadata import PackageNotFoundError, version

    if not uses_wheels(where):
        return os.environ.get("ROS_DISTRO", "")
    try:
        major = version("ros-rclpy").split(".")[0]
    except PackageNotFoundError:
        return ""
    return {"7": "jazzy", "9": "kilted"}.get(major, "")
