"""Which packages an image does not need."""

from __future__ import annotations

from importlib.metadata import Distribution, PathDistribution
from pathlib import Path

from cablecell.installation import slim


def package(folder: Path, name: str, *lines: str) -> Distribution:
    """Return an installed package with these lines in its metadata."""
    info = folder / f"{name}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("\n".join([f"Metadata-Version: 2.1\nName: {name}\nVersion: 1", *lines]) + "\n")
    return PathDistribution(info)


def test_only_what_development_alone_needs_goes(tmp_path: Path) -> None:
    needs = "Requires-Dist: "
    installed = {
        "cablecell": package(
            tmp_path,
            "cablecell",
            "Provides-Extra: dev",
            "Provides-Extra: jazzy",
            f"{needs}numpy",
            f'{needs}pytest; extra == "dev"',
            f'{needs}tool; extra == "dev"',
            f'{needs}ros-rclpy; extra == "jazzy"',
        ),
        "numpy": package(tmp_path, "numpy"),
        "pytest": package(tmp_path, "pytest", f"{needs}pluggy", f"{needs}packaging"),
        "pluggy": package(tmp_path, "pluggy"),
        "tool": package(tmp_path, "tool", f"{needs}helper[fast]"),
        "helper": package(tmp_path, "helper", f'{needs}speed; extra == "fast"'),
        "speed": package(tmp_path, "speed"),
        "ros-rclpy": package(tmp_path, "ros-rclpy", f"{needs}packaging>=20"),
        "packaging": package(tmp_path, "packaging"),
        "messages": package(tmp_path, "messages", f"{needs}speed"),
    }
    # `packaging` is needed by ROS as well, `speed` by the message packages, which nobody names as a requirement.
    assert slim.only_for_development(installed) == {"pytest", "pluggy", "tool", "helper"}


def test_size_counts_files_and_not_what_links_lead_to(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 2_000_000)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "link").symlink_to(tmp_path / "large")
    assert 2.0 <= slim.size_mb(tmp_path) < 2.001
