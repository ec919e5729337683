"""Packages that bring plug-ins, installed where only one test sees them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def install(package: Path, target: Path) -> None:
    """Install a package as pip does, without a network, into a folder; put that on `sys.path` afterwards."""
    words = ("install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--target", str(target))
    done = subprocess.run(
        [sys.executable, "-m", "pip", *words, str(package)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def offer(target: Path, package: str, entry_points: dict[str, dict[str, str]], files: dict[str, str]) -> None:
    """Write what an installed package looks like: its files, and its entry points by group and name."""
    info = target / f"{package}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = []
    for group, points in entry_points.items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in points.items()), ""]
    (info / "entry_points.txt").write_text("\n".join(lines))
    for name, text in files.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
