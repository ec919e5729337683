"""Which ROS 2 distribution a build is for, and what a wheel pins."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest
from rosidl_pip import distribution
from rosidl_pip.distribution import DISTRIBUTIONS, Installation, build_requirements, find_installation
from rosidl_pip.errors import DistributionError, GeneratorsMissingError

VERSIONS = {"ros-rclpy": "7.1.6", "ros-std-msgs": "5.3.6", "ros-unused-msgs": "1.0.0", "numpy": "2.4.6"}


def install(monkeypatch: pytest.MonkeyPatch, folder: Path, versions: dict[str, str]) -> None:
    """Makes a folder with some distributions the only one that is searched."""
    for name, version in versions.items():
        info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    real = importlib.metadata.distributions
    monkeypatch.setattr(importlib.metadata, "distributions", lambda **_: real(path=[str(folder)]))


def test_wheel_is_tied_to_the_client_library_and_the_packages_it_links(tmp_path: Path) -> None:
    installation = Installation(DISTRIBUTIONS[0], tmp_path, VERSIONS)
    assert installation.pins({"std_msgs", "from_source_msgs"}) == [
        "ros-rclpy==7.1.6",
        "ros-std-msgs==5.3.6",
        "numpy>=1.26",
    ]
    old = Installation(DISTRIBUTIONS[0], tmp_path, {**VERSIONS, "numpy": "1.26.4"})
    assert old.pins(()) == ["ros-rclpy==7.1.6", "numpy<2"]


@pytest.mark.parametrize(("rclpy", "name"), [("7.1.6", "jazzy"), ("7.9.0", "jazzy"), ("9.1.2", "kilted")])
def test_isolated_build_takes_the_distribution_of_the_target(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rclpy: str, name: str
) -> None:
    install(monkeypatch, tmp_path, {"ros-rclpy": rclpy})
    requirements = build_requirements()
    assert requirements[0] == f"ros-rclpy=={rclpy}"
    assert any(item.startswith(f"ros-{name}-rosidl-default-generators==") for item in requirements)


def test_isolated_build_for_an_environment_without_ros_follows_ros_distro(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(monkeypatch, tmp_path, {"numpy": "2.4.6"})
    monkeypatch.delenv("ROS_DISTRO", raising=False)
    assert build_requirements()[0] == "ros-rclpy==7.1.6"
    monkeypatch.setenv("ROS_DISTRO", "kilted")
    assert build_requirements()[0] == "ros-rclpy==9.1.2"
    monkeypatch.setenv("ROS_DISTRO", "humble")
    with pytest.raises(DistributionError, match="ROS_DISTRO is 'humble'; wheels are known for jazzy, kilted"):
        build_requirements()


def test_missing_client_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, tmp_path, {"numpy": "2.4.6"})
    with pytest.raises(DistributionError, match=r"pip install ros-jazzy-rclpy==7\.1\.6"):
        find_installation()


def test_unknown_distribution_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, tmp_path, {"ros-rclpy": "3.3.11"})
    with pytest.raises(
        DistributionError, match=r"ros-rclpy 3\.3\.11 belongs to no known.*7\.x \(jazzy\), 9\.x \(kilted\)"
    ):
        find_installation()


def test_missing_generators_are_named_with_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, tmp_path, {"ros-rclpy": "9.1.2"})
    real = distribution.importlib.util.find_spec
    monkeypatch.setattr(
        distribution.importlib.util, "find_spec", lambda name: None if name.startswith("rosidl_") else real(name)
    )
    with pytest.raises(GeneratorsMissingError, match=r"rosidl_generator_py.*'ros-rosidl-generator-py==0\.24\.2'"):
        find_installation()
