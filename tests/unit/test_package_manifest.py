"""What colcon and rosdep read of this tree: every import is declared, every key resolves, every file is installed."""

from __future__ import annotations

import ast
import runpy
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import setuptools
import yaml

ROOT = Path(__file__).parents[2]
MANIFESTS = [ROOT / "package.xml", *sorted((ROOT / "interfaces").glob("*/package.xml"))]
KNOWN = yaml.safe_load((ROOT / "tests/data/rosdep.yaml").read_text(encoding="utf-8"))
OURS = {ET.parse(path).getroot().findtext("name") for path in MANIFESTS}


def declared(path: Path) -> set[str]:
    return {node.text or "" for node in ET.parse(path).getroot() if node.tag.endswith("depend")}


def imported() -> set[str]:
    """Return the modules that the package imports from outside, by the first part of their names."""
    found: set[str] = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"cablecell"}


def test_every_import_is_declared_or_has_a_reason():
    there = declared(ROOT / "package.xml")
    names = {module: KNOWN["keys"].get(module, KNOWN["renamed"].get(module, module)) for module in imported()}
    missing = {module for module, name in names.items() if name not in there and module not in KNOWN["not_declared"]}
    assert not missing, "declare these in package.xml, and in tests/data/rosdep.yaml what they resolve to"
    assert not set(KNOWN["not_declared"]) - set(names), "not imported any more"
    both = {module for module, name in names.items() if name in there and module in KNOWN["not_declared"]}
    assert not both


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.parent.name)
def test_every_dependency_resolves(path):
    assert declared(path) - OURS <= {*KNOWN["packages"], *KNOWN["keys"].values()}


def test_no_name_is_kept_that_nobody_asks_for():
    asked = set().union(*(declared(path) for path in MANIFESTS))
    assert {*KNOWN["packages"], *KNOWN["keys"].values()} <= asked


def test_everything_is_installed_where_ros2_looks(monkeypatch):
    given = {}
    monkeypatch.setattr(setuptools, "setup", lambda **words: given.update(words))
    monkeypatch.chdir(ROOT)
    runpy.run_path("setup.py")
    installed = {f"{folder}/{Path(file).name}": file for folder, files in given["data_files"] for file in files}
    assert installed["share/ament_index/resource_index/packages/cablecell"] == "resource/cablecell"
    assert installed["share/cablecell/package.xml"] == "package.xml"
    for tree in ("launch", "config", "urdf"):
        files = [path.relative_to(ROOT) for path in (ROOT / tree).rglob("*") if path.is_file()]
        assert files
        assert all(installed[f"share/cablecell/{path}"] == str(path) for path in files)
    # Executables: where `ros2 run` and the launch files look.
    assert "install_scripts=$base/lib/cablecell" in (ROOT / "setup.cfg").read_text(encoding="utf-8")
    scripts = (
        (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("[project.scripts]")[2].partition("\n[")[0]
    )
    named = {line.partition(" =")[0] for line in scripts.splitlines() if " = " in line}
    started = {
        node.get("exec")
        for path in (ROOT / "launch").rglob("*.launch.xml")
        for node in ET.parse(path).getroot().iter("node")
        if node.get("pkg") == "cablecell"
    }
    assert started <= named
