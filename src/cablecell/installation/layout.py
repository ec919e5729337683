"""Where one checkout keeps its environment, and which ROS 2 it uses.

Standard library only: this runs on the system's Python before anything is installed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

DISTRIBUTIONS = ("jazzy", "kilted")
"""ROS 2 distributions with a section in `requirements.lock`; the first is the default."""


class SetupError(Exception):
    """Set-up cannot go on; the message is one sentence a person can act on."""


def state_folder() -> Path:
    """Return where programs of this user keep what outlives them."""
    given = os.environ.get("XDG_STATE_HOME", "")
    return (Path(given) if given else Path.home() / ".local" / "state") / "cablecell"


@dataclass(frozen=True)
class Layout:
    """Paths of one environment of one checkout.

    Attributes:
        root: The checkout.
        distribution: ROS 2 distribution name, for example `jazzy`.
        ros_prefix: Prefix of a ROS install to build on, or None to use the wheels.
    """

    root: Path
    distribution: str
    ros_prefix: Path | None

    @property
    def venv(self) -> Path:
        """The environment: `.venv` by default, else `.venv-<distribution>` or `.venv-ros-<distribution>`."""
        if self.ros_prefix is not None:
            return self.root / f".venv-ros-{self.distribution}"
        return self.root / (".venv" if self.distribution == DISTRIBUTIONS[0] else f".venv-{self.distribution}")

    @property
    def python(self) -> Path:
        """The interpreter of the virtual environment."""
        return self.venv / "bin" / "python"

    @property
    def state(self) -> Path:
        """What set-up remembers: stamp, manifest, domain id, log."""
        return self.venv / ".cablecell"

    @property
    def lock_file(self) -> Path:
        """Taken while an environment is being made, so that two commands do not make it at once."""
        return self.root / f"{self.venv.name}.lock"

    @property
    def workspace(self) -> Path:
        """The colcon build of this checkout on a ROS install."""
        return self.venv / "ws"


def find_layout(root: Path, environ: dict[str, str] | None = None, ros_root: Path = Path("/opt/ros")) -> Layout:
    """Return the layout that the environment variables and the machine ask for.

    `ROS_DISTRO` names the distribution. A ROS install is used when there is one of that distribution, already
    sourced or under `ros_root`; `CELL_ROS=wheels` asks for the wheels all the same, `CELL_ROS=install` insists on
    the install.

    Args:
        root: The checkout.
        environ: Environment variables; the process's own by default.
        ros_root: Folder that holds one ROS install per distribution.

    Raises:
        SetupError: `ROS_DISTRO` or `CELL_ROS` has a value that is not supported, or the install asked for is missing.
    """
    env = dict(os.environ) if environ is None else environ
    choice = env.get("CELL_ROS", "auto")
    if choice not in ("auto", "wheels", "install"):
        raise SetupError(f"CELL_ROS is '{choice}'; valid are auto, wheels, install")
    distribution = env.get("ROS_DISTRO") or DISTRIBUTIONS[0]
    if distribution not in DISTRIBUTIONS:
        raise SetupError(f"ROS_DISTRO is '{distribution}'; cablecell supports {', '.join(DISTRIBUTIONS)}")
    prefix = None if choice == "wheels" else _find_ros_install(distribution, env, ros_root)
    if choice == "install" and prefix is None:
        raise SetupError(f"CELL_ROS=install, but there is no ROS {distribution} under {ros_root} and none is sourced")
    return Layout(root=root, distribution=distribution, ros_prefix=prefix)


def _find_ros_install(distribution: str, env: dict[str, str], ros_root: Path) -> Path | None:
    candidates = [Path(p) for p in env.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    candidates.append(ros_root / distribution)
    for prefix in candidates:
        # setup.sh is what an installer writes and a wheel does not; rclpy tells a ROS base from an overlay.
        if (prefix / "setup.sh").is_file() and (prefix / "share" / "rclpy").is_dir():
            return prefix
    return None
